import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.state.Stores;

/**
 * Sums by key from a topic into another: Kafka Streams, exactly once, a transaction a second.
 *
 * <p>Arguments: BROKERS TOPIC OUT COUNT. Messages have their keys already, so that none needs to go
 * through a topic again; the state is in memory, with a topic of its changes.
 */
public final class KafkaSums {
  private static final ObjectMapper MAPPER = new ObjectMapper();

  /** Reads as many messages as there are. */
  public static void main(String[] arguments) throws Exception {
    String brokers = arguments[0];
    String topic = arguments[1];
    String out = arguments[2];
    long[] left = {Long.parseLong(arguments[3])};
    CountDownLatch ended = new CountDownLatch(1);
    StreamsBuilder builder = new StreamsBuilder();
    builder.stream(topic, Consumed.with(Serdes.String(), Serdes.ByteArray()))
        .mapValues(
            value -> {
              if (--left[0] == 0) {
                ended.countDown();
              }
              return number(value);
            })
        .groupByKey(Grouped.with(Serdes.String(), Serdes.Long()))
        .aggregate(
            () -> 0L,
            (key, value, total) -> total + value,
            Materialized.<String, Long>as(Stores.inMemoryKeyValueStore("sums"))
                .withKeySerde(Serdes.String())
                .withValueSerde(Serdes.Long())
                .withCachingDisabled())
        .toStream()
        .mapValues((key, total) -> bytes(new Object[] {key, total}))
        .to(out, Produced.with(Serdes.String(), Serdes.ByteArray()));

    Properties settings = new Properties();
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, out);
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, brokers);
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 1000);
    settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
    settings.put(StreamsConfig.STATE_DIR_CONFIG, Files.createTempDirectory("sums").toString());
    settings.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
    try (KafkaStreams streams = new KafkaStreams(builder.build(), settings)) {
      streams.setUncaughtExceptionHandler(
          error -> {
            error.printStackTrace();
            System.exit(1);
            return null;
          });
      streams.start();
      ended.await();
      streams.close(Duration.ofSeconds(60));
    }
  }

  private static long number(byte[] value) {
    try {
      JsonNode pair = MAPPER.readTree(value);
      return pair.get(1).asLong();
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  private static byte[] bytes(Object[] pair) {
    try {
      return MAPPER.writeValueAsBytes(pair);
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }
}
