#!/bin/bash
# systemd-host.sh - test hosts that run a real systemd as PID 1, from one root shell.
#
# No docker, no nspawn, no debootstrap: the hosts' root file system is this machine's own
# /usr /etc /var /opt under overlayfs; each host has its own pid, mount, net, uts, ipc and
# cgroup namespace.  Everything lives in one "lab" (an outer pid+mount+net+uts+ipc namespace):
# when the lab's first process ends, however it ends, the kernel ends all hosts, unmounts
# all mounts and deletes all links.  Only $SDH_DIR and an empty cgroup are left to remove.
#
#   systemd-host.sh lab CMD...          run CMD in a new lab (all the rest is used inside CMD)
#   systemd-host.sh image [SCRIPT]      make the common lower layer (SCRIPT gets the root as $1)
#   systemd-host.sh boot NAME ADDR/LEN  boot a host, or boot it again with its state kept
#   systemd-host.sh clone FROM TO       make a host from the files of another that is off; it is another machine
#   systemd-host.sh wait NAME [SECS]    wait till its systemd is running (or degraded: prints which)
#   systemd-host.sh run NAME CMD...     run CMD in the host (exit status passed on)
#   systemd-host.sh cut NAME            power cut: link down, then SIGKILL to its init
#   systemd-host.sh off NAME            orderly systemctl poweroff
#   systemd-host.sh reboot NAME         orderly systemctl reboot, and boot again
#   systemd-host.sh down|up NAME        unplug / plug its network link
#   systemd-host.sh block A B [oneway]  drop all frames between two hosts (from A to B with oneway); nft
#   systemd-host.sh unblock A B         and heal
#   systemd-host.sh loss NAME PERCENT   drop PERCENT of frames to and from it at random (nft)
#   systemd-host.sh rate NAME RATE|off  slow link, e.g. 1mbit (tc tbf)
#   systemd-host.sh delay NAME MS [JITTER_MS] | off   delay each frame, both ways (relay process)
#   systemd-host.sh rmhost NAME         cut it and forget its disk
#
# Environment: SDH_DIR   where the lab keeps its files (ext4, xfs, tmpfs; not on overlayfs, not under /var)
#              SDH_KEEP  if set, the files stay when the lab ends, and can be used again
#              SDH_ROOT  root file system to use in place of / (a debootstrap or mmdebstrap tree)
#              SDH_DISK  e.g. 256M: each host's files on a disk of its own; a cut then loses what
#                        was not synced, as a power cut does
#              SDH_BIND  "FROM:TO ..." folders shown read-only in each host (e.g. a source tree)
#              SDH_V1    "systemd memory pids cpu cpuacct devices": hybrid cgroups in the hosts, so that
#                        MemoryMax=, TasksMax=, CPUQuota= work on a machine whose controllers are on v1
# Needs: root, bash, util-linux, iproute2, systemd (as files); nftables for block and loss;
#        python3 for delay and SDH_DISK; e2fsprogs for SDH_DISK.
set -euo pipefail
SDH=$(readlink -f "$0")
: "${SDH_DIR:=/tmp/sdh.$$}" "${SDH_ROOT:=/}" "${SDH_LAYERS:=usr etc var opt}"
export SDH SDH_DIR SDH_ROOT SDH_LAYERS
CG=$SDH_DIR/cg            # a cgroup2 mount seen only inside the lab
BR=lab0
die() { echo "systemd-host: $*" >&2; exit 1; }
inlab() { [ "${SDH_LAB:-}" = "$SDH_DIR" ] || die "only inside: $0 lab CMD..."; }
# A disk of its own for each host (a file on a loop device): then a cut also loses what was not synced.
disk_on() { # NAME
  [ -n "${SDH_DISK:-}" ] || return 0
  local d=$SDH_DIR/$1
  mountpoint -q "$d/layers" && return 0
  if [ ! -e "$d/disk.img" ]; then truncate -s "$SDH_DISK" "$d/disk.img"; mkfs.ext4 -q -F -m 0 -E lazy_itable_init=1,lazy_journal_init=1 "$d/disk.img"; fi
  mount -o loop,noatime "$d/disk.img" "$d/layers"
}
disk_off() { # NAME: unmounted and the loop device free, before the file may be mounted again
  local d=$SDH_DIR/$1 i
  mountpoint -q "$d/layers" || return 0
  umount "$d/layers"
  for ((i = 0; i < 200; i++)); do [ -z "$(losetup -j "$d/disk.img")" ] && return 0; sleep 0.02; done
  die "$1: disk busy"
}
# EXT4_IOC_SHUTDOWN, no log flush: from this instant on nothing more reaches the file, as when the power goes
disk_cut() { mountpoint -q "$SDH_DIR/$1/layers" || return 0
  python3 -c 'import fcntl,os,struct,sys; fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack("I", 2))' "$SDH_DIR/$1/layers"; }
pid_of() { local p; p=$(cat "$SDH_DIR/$1/pid" 2>/dev/null) && [ -n "$p" ] && [ -d "/proc/$p" ] && echo "$p"; }

cmd_lab() {
  [ "$(id -u)" = 0 ] || die "must be root"
  mkdir -p "$SDH_DIR"; local rc=0 cgname; cgname=sdh-$(basename "$SDH_DIR")
  # The lab's own process is started in the background and waited for, so that a trap can end
  # it: unshare --fork ignores TERM and INT, only KILL (with --kill-child) ends the whole lab.
  SDH_LAB=$SDH_DIR SDH_CGNAME=$cgname setpriv --pdeathsig KILL unshare --mount --net --pid --uts --ipc --fork \
      --kill-child=SIGKILL --mount-proc -- "$SDH" _lab "$@" <&0 &
  local up=$!
  trap 'kill -9 '$up' 2>/dev/null' INT TERM HUP EXIT
  wait $up || rc=$?
  trap - INT TERM HUP EXIT
  # the cgroups: any cgroup2 mount of this machine shows them, else a private one does
  unshare --mount -- bash -c 'mount -t cgroup2 none "$1" && for i in 1 2 3 4 5 6 7 8 9 10; do
      [ -d "$1/$2" ] || break; find "$1/$2" -depth -type d -exec rmdir {} + 2>/dev/null; sleep 0.2; done
      [ ! -d "$1/$2" ] || echo "cgroup $2 left" >&2' _ "$CG" "$cgname" || true
  v1_rm .
  if [ -z "${SDH_KEEP:-}" ]; then rm -rf --one-file-system "$SDH_DIR"; fi
  return $rc
}
cmd__lab() { # pid 1 of the lab
  mkdir -p "$CG" "$SDH_DIR/base"
  mount -t cgroup2 none "$CG"
  mkdir -p "$CG/$SDH_CGNAME"
  # where memory, pids, cpu are on v2 (not on a hybrid machine), hand them down
  for c in memory pids cpu; do
    for d in "$CG" "$CG/$SDH_CGNAME"; do echo +$c >"$d/cgroup.subtree_control" 2>/dev/null || true; done
  done
  hostname lab
  ip link set lo up
  ip link add $BR type bridge stp_state 0 forward_delay 0
  echo 0 >/proc/sys/net/ipv6/conf/$BR/disable_ipv6 2>/dev/null || true
  ip addr add "${SDH_GW:-10.77.0.254/24}" dev $BR
  ip link set $BR up
  local rc=0
  "$@" || rc=$?
  exit $rc          # pid 1 ends: everything in the lab gets SIGKILL
}

overlays() { # ROOT LAYERDIR [lower]: mount one overlay for each of $SDH_LAYERS
  local d low
  for d in $SDH_LAYERS; do
    mkdir -p "$1/$d" "$2/$d.up" "$2/$d.wk"
    low=${SDH_ROOT%/}/$d; [ -z "${3:-}" ] || low=$3/$d.up:$low
    mount -t overlay "ov-$d" -o "lowerdir=$low,upperdir=$2/$d.up,workdir=$2/$d.wk" "$1/$d"
  done
}
skeleton() { # ROOT
  local l d
  for d in usr etc var opt root home srv mnt media boot tmp run proc sys dev; do mkdir -p "$1/$d"; done
  for l in bin sbin lib lib64; do [ -e "$1/$l" ] || [ -L "$1/$l" ] || ln -s "usr/$l" "$1/$l"; done
  chmod 700 "$1/root"; chmod 1777 "$1/tmp"
}
cmd_image() { # one layer, made once, common to all hosts: this machine's own units etc. taken out
  inlab
  unshare --mount -- "$SDH" _image "$@"
}
cmd__image() {
  local r=$SDH_DIR/base/root u
  mkdir -p "$r"; mount --bind "$r" "$r"; skeleton "$r"; overlays "$r" "$SDH_DIR/base"
  rm -rf "$r"/etc/systemd/system/* "$r"/var/lib/systemd "$r"/var/log/journal "$r"/var/tmp/* \
     "$r"/var/lib/private "$r"/etc/resolv.conf
  : >"$r/etc/fstab"; : >"$r/etc/resolv.conf"
  # dpkg would sync each of a thousand files on the disk of each host: who cuts the power syncs once
  echo force-unsafe-io >"$r/etc/dpkg/dpkg.cfg.d/lab"
  # a container image's own: no service starts at an install, dpkg syncs nothing
  rm -f "$r/usr/sbin/policy-rc.d" "$r/etc/dpkg/dpkg.cfg.d/docker-apt-speedup" "$r/etc/machine-id" "$r/etc/hostname"
  # an install with manual pages would index all of this machine's
  rm -f "$r/var/lib/man-db/auto-update"
  mkdir -p "$r/var/log/journal" "$r/etc/systemd/journald.conf.d"
  printf '[Journal]\nStorage=persistent\nAudit=no\nSystemMaxUse=64M\nRateLimitIntervalSec=0\n' \
     >"$r/etc/systemd/journald.conf.d/lab.conf"
  # of no use here, or meddling with the kernel that all share
  for u in systemd-journald-audit.socket sys-kernel-debug.mount sys-kernel-tracing.mount \
      sys-kernel-config.mount sys-fs-fuse-connections.mount dev-hugepages.mount \
      systemd-udevd.service systemd-udev-trigger.service systemd-udevd-control.socket systemd-udevd-kernel.socket \
      systemd-modules-load.service modprobe@.service systemd-timesyncd.service systemd-pstore.service \
      systemd-networkd.service systemd-resolved.service getty.target; do
    ln -sf /dev/null "$r/etc/systemd/system/$u"
  done
  if [ $# -gt 0 ]; then "$@" "$r"; fi
}

cmd_boot() { # NAME ADDR/LEN
  inlab; local n=$1 a=$2 d=$SDH_DIR/$1 i p
  [ -d "$SDH_DIR/base/usr.up" ] || cmd_image
  if pid_of "$n" >/dev/null; then die "$n is up"; fi
  mkdir -p "$d/root" "$d/layers" "$CG/$SDH_CGNAME/$n"; rm -f "$d/pid" "$d/ready"
  echo "$a" >"$d/addr"; disk_on "$n"
  ip link del "v-$n" 2>/dev/null || true
  # a MAC address of its own that stays, as a machine's does (else the others' ARP caches are stale after a boot)
  ip link add "v-$n" type veth peer name "p-$n" address "$(printf '02:5d:%02x:%02x:%02x:%02x' $(tr ./ '  ' <<<"$a" | cut -d' ' -f1-4))"
  ip link set "v-$n" master $BR up
  N=$n A=$a setsid unshare --mount --pid --fork --kill-child=SIGKILL -- \
    "$SDH" _init1 </dev/null >"$d/console" 2>&1 &
  for ((i = 0; i < 500; i++)); do [ -s "$d/ready" ] && break; sleep 0.01; done
  [ -s "$d/ready" ] || { cat "$d/console" >&2; die "$n did not start"; }
  p=$(cat "$d/ready"); echo "$p" >"$d/pid"
  ip link set "p-$n" netns "$p" || { cat "$d/console" >&2; die "$n: no link"; }
  nsenter -t "$p" -n -- sh -c "ip link set lo up; ip link set p-$n name eth0; ip addr add $a dev eth0; ip link set eth0 up"
  : >"$d/go"
}
cmd_clone() { # FROM TO
  inlab; local a=$SDH_DIR/$1 b=$SDH_DIR/$2
  if pid_of "$1" >/dev/null; then die "$1 is up: its disk cannot be copied"; fi
  mkdir -p "$b/root" "$b/layers"
  if [ -n "${SDH_DISK:-}" ]; then cp --sparse=always "$a/disk.img" "$b/disk.img"; else cp -a "$a/layers/." "$b/layers"; fi
  disk_on "$2"; rm -f "$b/layers/etc.up/machine-id"; disk_off "$2"
}
cmd__init1() { # pid 1 of the host, still in the lab's other namespaces
  local p rest
  read -r p rest </proc/self/stat      # /proc is still the lab's: the pid as the lab sees it
  echo "$p" >"$SDH_DIR/$N/mypid"
  echo 0 >"$CG/$SDH_CGNAME/$N/cgroup.procs"
  local c g
  for c in ${SDH_V1:-}; do   # v1 hierarchies of a hybrid machine: a group of our own below the one we are in
    g=/sys/fs/cgroup/$c$(sed -n "s/^[0-9]*:\(name=\)*$c://p" /proc/self/cgroup)/$SDH_CGNAME-$N
    mkdir -p "$g"; echo 0 >"$g/cgroup.procs"; echo "$g" >>"$SDH_DIR/v1groups"
  done
  exec unshare --cgroup --uts --ipc --net -- "$SDH" _init2
}
cmd__init2() {
  local d=$SDH_DIR/$N r=$SDH_DIR/$N/root x i
  cat "$d/mypid" >"$d/ready.new"; mv "$d/ready.new" "$d/ready"     # namespaces are made: link may come
  mount --make-rprivate /
  mount --bind "$r" "$r"                                            # pivot_root wants a mount
  skeleton "$r"
  overlays "$r" "$d/layers" "$SDH_DIR/base"
  [ -s "$r/etc/machine-id" ] || tr -d - </proc/sys/kernel/random/uuid >"$r/etc/machine-id"
  echo "$N" >"$r/etc/hostname"; hostname "$N"
  printf '127.0.0.1 localhost\n%s %s\n' "${A%/*}" "$N" >"$r/etc/hosts"
  [ ! -e "$SDH_DIR/hosts" ] || cat "$SDH_DIR/hosts" >>"$r/etc/hosts"   # who knows whom by name, at each boot
  [ -z "${SDH_DISK:-}" ] || sync -f "$d/layers"     # who it is outlives the first cut
  mount -t proc proc "$r/proc" -o nosuid,nodev,noexec
  # /proc/sys read-only save for net/: else this systemd sets fs.file-max, fs.protected_* ... of the machine
  mount --bind "$r/proc/sys/net" "$r/proc/sys/net"
  mount --bind "$r/proc/sys" "$r/proc/sys"
  mount --bind "$r/proc/sys/net" "$r/proc/sys/net"
  mount -o remount,bind,ro,nosuid,nodev,noexec "$r/proc/sys"
  for x in irq bus fs acpi; do
    [ ! -d "$r/proc/$x" ] || { mount --bind "$r/proc/$x" "$r/proc/$x"; mount -o remount,bind,ro "$r/proc/$x"; }
  done
  mount -t sysfs sysfs "$r/sys" -o nosuid,nodev,noexec,ro
  if [ -z "${SDH_V1:-}" ]; then
    mount -t cgroup2 cgroup2 "$r/sys/fs/cgroup" -o nosuid,nodev,noexec
  else
    mount -t tmpfs tmpfs "$r/sys/fs/cgroup" -o mode=755,nosuid,nodev,noexec
    mkdir "$r/sys/fs/cgroup/unified"; mount -t cgroup2 cgroup2 "$r/sys/fs/cgroup/unified" -o nosuid,nodev,noexec
    for x in $SDH_V1; do
      mkdir "$r/sys/fs/cgroup/$x"
      case $x in systemd) i=none,name=systemd ;; *) i=$x ;; esac
      mount -t cgroup cgroup "$r/sys/fs/cgroup/$x" -o "nosuid,nodev,noexec,$i"
    done
  fi
  mount -t tmpfs tmpfs "$r/dev" -o mode=755,nosuid,size=4m
  for x in null zero full random urandom tty; do cp -a "/dev/$x" "$r/dev/$x"; done
  ln -s /proc/self/fd "$r/dev/fd"; ln -s fd/0 "$r/dev/stdin"; ln -s fd/1 "$r/dev/stdout"; ln -s fd/2 "$r/dev/stderr"
  mkdir "$r/dev/pts" "$r/dev/shm"; ln -s pts/ptmx "$r/dev/ptmx"
  mount -t devpts devpts "$r/dev/pts" -o newinstance,ptmxmode=0666,mode=620,gid=5,nosuid,noexec
  mount -t tmpfs tmpfs "$r/dev/shm" -o mode=1777,nosuid,nodev
  mount -t tmpfs tmpfs "$r/run" -o mode=755,nosuid,nodev
  mount -t tmpfs tmpfs "$r/tmp" -o mode=1777,nosuid,nodev
  for x in ${SDH_BIND:-}; do
    mkdir -p "$r${x#*:}"; mount --bind "${x%%:*}" "$r${x#*:}"; mount -o remount,bind,ro "$r${x#*:}"; done
  # each boot its own boot id, as a machine has (else journalctl -b shows all boots as one)
  cat /proc/sys/kernel/random/uuid >"$r/run/.boot_id"
  mount --bind "$r/run/.boot_id" "$r/proc/sys/kernel/random/boot_id"
  mount -o remount,bind,ro "$r/proc/sys/kernel/random/boot_id"
  for ((i = 0; i < 500; i++)); do [ -e "$d/go" ] && break; sleep 0.01; done; rm -f "$d/go"
  mkdir -p "$r/run/.old"; cd "$r"; pivot_root . run/.old
  exec env -i container=sdh container_uuid="$(cat etc/machine-id)" LANG=C.UTF-8 \
     PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
     setpriv --bounding-set -sys_module,-sys_rawio,-sys_time,-syslog,-audit_control,-audit_read,-wake_alarm,-block_suspend \
             --inh-caps -sys_module,-sys_rawio,-sys_time,-syslog,-audit_control,-audit_read,-wake_alarm,-block_suspend \
     bash -c 'umount -l /run/.old && rmdir /run/.old && mount --make-rshared / && exec /lib/systemd/systemd --log-target=journal-or-kmsg --unit=multi-user.target'
}
cmd_run() { # NAME CMD...   (-a: all namespaces, so / is the host's own root)
  inlab; local n=$1 p; shift; p=$(pid_of "$n") || die "$n is not up"
  exec nsenter -t "$p" --all --wdns=/ -- env -i container=sdh LANG=C.UTF-8 HOME=/root TERM=dumb SYSTEMD_PAGER=cat \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}
cmd_wait() { # NAME [SECS]
  inlab; local n=$1 t=${2:-30} i s=''
  for ((i = 0; i < t * 20; i++)); do
    s=$( ("$SDH" run "$n" systemctl is-system-running) 2>/dev/null || true)
    case $s in running) return 0 ;; degraded) "$SDH" run "$n" systemctl --failed --no-legend >&2; return 1 ;; esac
    sleep 0.05
  done
  die "$n not up after $t s: $s"
}
v1_rm() { # PATTERN: the v1 groups made for hosts that are gone
  local g
  [ -e "$SDH_DIR/v1groups" ] || return 0
  sort -u "$SDH_DIR/v1groups" | grep -e "$1" | while read -r g; do
    [ ! -d "$g" ] || find "$g" -depth -type d -exec rmdir {} + 2>/dev/null || true; done
}
gone() { # NAME: wait till the init is gone, then the link
  local p=$1 n=$2 i
  for ((i = 0; i < 1500; i++)); do
    [ -d "/proc/$p" ] && ! grep -q '^State:.*Z' "/proc/$p/status" 2>/dev/null || break; sleep 0.02; done
  ip link del "v-$n" 2>/dev/null || true
  rm -f "$SDH_DIR/$n/pid"
  for ((i = 0; i < 50; i++)); do   # its cgroups, so that the next boot finds none of the old
    [ -d "$CG/$SDH_CGNAME/$n" ] || break
    find "$CG/$SDH_CGNAME/$n" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.02; done
  v1_rm "/$SDH_CGNAME-$n\$"
  disk_off "$n"
}
cmd_cut() { # link first: else the kernel sends FIN/RST for the dying host's sockets, which no power cut does
  inlab; local n=$1 p; p=$(pid_of "$n") || die "$n is not up"
  ip link set "v-$n" down; disk_cut "$n"; kill -9 "$p"; gone "$p" "$n"
}
cmd_off() { inlab; local n=$1 p; p=$(pid_of "$n") || die "$n is not up"
  "$SDH" run "$n" systemctl poweroff || true; gone "$p" "$n"; }
cmd_reboot() { inlab; local n=$1 p; p=$(pid_of "$n") || die "$n is not up"
  "$SDH" run "$n" systemctl reboot 2>/dev/null || true; gone "$p" "$n"; cmd_boot "$n" "$(cat "$SDH_DIR/$n/addr")"; }
cmd_down() { inlab; ip link set "v-$1" down; }
cmd_up() { inlab; ip link set "v-$1" up; }
tbl() { nft list table bridge lab >/dev/null 2>&1 || nft -f - <<<'
table bridge lab {
  chain pass { type filter hook forward priority 0; }
}'; }
unrule() { # COMMENT: delete the rules that carry it
  local h
  for h in $(nft -a list chain bridge lab pass | sed -n "s/.*comment \"$1\".* handle \([0-9]*\)\$/\1/p"); do
    nft delete rule bridge lab pass handle "$h"; done
}
cmd_block() { inlab; tbl; nft add rule bridge lab pass iifname "v-$1" oifname "v-$2" drop comment "\"blk-$1-$2\""
  [ "${3:-}" = oneway ] || nft add rule bridge lab pass iifname "v-$2" oifname "v-$1" drop comment "\"blk-$1-$2\""; }
cmd_unblock() { inlab; tbl; unrule "blk-$1-$2"; unrule "blk-$2-$1"; }
cmd_loss() { inlab; tbl; unrule "loss-$1"; [ "$2" != 0 ] && [ "$2" != off ] || return 0
  local m="numgen random mod 100 lt $2"; [ "$2" -lt 100 ] || m=''
  # shellcheck disable=SC2086
  nft add rule bridge lab pass iifname "v-$1" $m drop comment "\"loss-$1\""
  nft add rule bridge lab pass oifname "v-$1" $m drop comment "\"loss-$1\""; }
cmd_rate() { inlab; tc qdisc del dev "v-$1" root 2>/dev/null || true
  local p; p=$(pid_of "$1"); nsenter -t "$p" -n tc qdisc del dev eth0 root 2>/dev/null || true
  [ "$2" != off ] || return 0
  tc qdisc add dev "v-$1" root tbf rate "$2" burst 16kb latency 400ms
  nsenter -t "$p" -n tc qdisc add dev eth0 root tbf rate "$2" burst 16kb latency 400ms; }
cmd_delay() { # no netem in this kernel: two veth pairs and a process that passes frames on later
  inlab; local n=$1 ms=$2 j=${3:-0} i p
  if [ -s "$SDH_DIR/$n/relay" ]; then
    p=$(cat "$SDH_DIR/$n/relay"); rm -f "$SDH_DIR/$n/relay"
    kill -9 "$p" 2>/dev/null || true; ip link set "v-$n" master $BR; ip link del "x-$n" 2>/dev/null || true
  fi
  [ "$ms" != off ] || return 0
  ip link add "x-$n" type veth peer name "y-$n"
  ip link set "v-$n" nomaster; ip link set "x-$n" up; ip link set "y-$n" master $BR up
  : >"$SDH_DIR/$n/relay.log"
  python3 - "v-$n" "x-$n" "$ms" "$j" >"$SDH_DIR/$n/relay.log" 2>&1 <<'PY' &
import heapq, random, select, socket, sys, time
a, b, ms, jit = sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4])
SOL_PACKET, VNET_HDR, OUTGOING = 263, 15, 4   # vnet header: checksum and GSO state go along
def op(i):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    s.setsockopt(SOL_PACKET, VNET_HDR, 1)
    s.setsockopt(SOL_PACKET, 23, 1)           # PACKET_IGNORE_OUTGOING
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    s.bind((i, 3)); s.setblocking(False); return s
A, B = op(a), op(b); print("ready", flush=True); to = {A: B, B: A}; q = []; n = 0; last = {A: 0, B: 0}
while True:
    t = time.monotonic(); w = max(0, q[0][0] - t) if q else None
    for s in select.select([A, B], [], [], w)[0]:
        try:
            while True:
                f = s.recv(70000); t = time.monotonic()
                due = t + (ms + random.uniform(-jit, jit)) / 1000
                due = last[s] = max(due, last[s])   # in order, as on one wire
                n += 1; heapq.heappush(q, (due, n, to[s], f))
        except BlockingIOError: pass
    t = time.monotonic()
    while q and q[0][0] <= t:
        _, _, s, f = heapq.heappop(q)
        try: s.send(f)
        except OSError: pass
PY
  echo $! >"$SDH_DIR/$n/relay"
  for ((i = 0; i < 500; i++)); do grep -q ready "$SDH_DIR/$n/relay.log" && return 0; sleep 0.01; done
  die "relay: $(cat "$SDH_DIR/$n/relay.log")"
}
cmd_rmhost() { inlab; if pid_of "$1" >/dev/null; then cmd_cut "$1"; fi; rm -rf --one-file-system "${SDH_DIR:?}/${1:?}"; }

c=${1:-help}; shift || true
case $c in
  help) sed -n '2,/^set -/p' "$SDH" | grep '^#' ;;
  lab | _lab | image | _image | boot | clone | _init1 | _init2 | run | wait | cut | off | reboot | down | up | block | unblock | loss | rate | delay | rmhost ) "cmd_$c" "$@" ;;
  *) die "no such command: $c" ;;
esac
