"""What of all that a worker tells has to be written, as rows: made before the file is locked."""

from collections.abc import Mapping

from memguard.model import Finding, Flush, Operation, OperationStats
from memguard.store import rows
from memguard.store.pruning import UNITS_KEPT
from memguard.store.steps import Steps

Known = dict[Operation | str, OperationStats | Finding]
"""What was last written, by operation and by fingerprint."""


class Told:
    """The rows of one flush.

    Attributes:
        changed: What is whole is told again each time, and seldom differs from the time before: what does.
        found: The findings among those.
        operations: Those that are new, or judged otherwise.
        renewed: Counters of those that are judged as before.
        due: What is to be written of the timeline.
    """

    def __init__(self, flush: Flush, written: Mapping[Operation | str, OperationStats | Finding], steps: Steps) -> None:
        self.found = [each for each in flush.findings if written.get(each.fingerprint) != each]
        self.changed: Known = {each.fingerprint: each for each in self.found}
        self.operations: list[rows.Row] = []
        self.renewed: list[rows.Row] = []
        for each in flush.operations:
            operation = each.judgement.operation
            before = written.get(operation)
            if before == each:
                continue
            self.changed[operation] = each
            if isinstance(before, OperationStats) and before.judgement == each.judgement:
                self.renewed.append(rows.counters(each))
            else:
                self.operations.append(rows.from_operation(each))
        self.findings = [rows.from_finding(each) for each in self.found]
        self.units = [rows.from_unit(each) for each in flush.units[-UNITS_KEPT:]]
        self.events = [rows.from_event(each) for each in flush.events]
        self.due = list(steps.due(flush.timeline))
