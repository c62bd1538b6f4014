"""The operator that gives records their keys."""

from itertools import compress
from typing import Any

from wallarood.flow.failures import Failure, fail, pass_on
from wallarood.flow.keys import (
    KEY_TYPES_EXACT,
    KeyTypeError,
    can_all_be_keys,
    encode_key,
    kind_of,
)
from wallarood.flow.steps.operators import DROPPED, Operator, Plain, call_each
from wallarood.flow.steps.selectors import selector_of
from wallarood.model.batch import Batch
from wallarood.model.pipeline import Computation


def key_by(computation: Computation) -> Operator:
    """The operator that sets the key of each record; what cannot be a key fails its record."""
    function = computation.function
    select = selector_of(function)

    def run(batch: Batch, failures: list[Failure]) -> Batch:
        if select is not None:
            # If something raises, the function itself is called, and tells which record it was.
            try:
                keys = select.all_of(batch.values)
                kind = kind_of(keys)
                if kind in KEY_TYPES_EXACT or can_all_be_keys(keys, kind):
                    return batch.rekey(keys, kind, key_index=select.item)
            except BaseException as error:
                pass_on(error)
        failed = len(failures)
        keys = call_each(computation, function, batch.values, failures=failures)
        whole = len(failures) == failed
        kind = kind_of(keys)
        if kind not in KEY_TYPES_EXACT and not can_all_be_keys(keys, kind):
            whole = _refuse_keys(computation, batch.values, keys, failures=failures) and whole
        if whole:
            return batch.rekey(keys, kind)
        flags = [key is not DROPPED for key in keys]
        present = list(compress(keys, flags))
        return batch.rekey(None).sift(flags).rekey(present, kind_of(present))

    return Plain(run)


def _refuse_keys(
    computation: Computation, records: list[Any], keys: list[Any], *, failures: list[Failure]
) -> bool:
    """Put DROPPED in the place of each key that cannot be one; whether there is none."""
    whole = True
    for place, (record, key) in enumerate(zip(records, keys, strict=True)):
        try:
            encode_key(key)
        except KeyTypeError as error:
            if key is not DROPPED:
                fail(computation, record, error, failures=failures)
                keys[place] = DROPPED
            whole = False
    return whole
