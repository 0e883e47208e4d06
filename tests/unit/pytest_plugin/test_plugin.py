import xml.etree.ElementTree as ET

import pytest


def test_without_a_marker_nothing_of_it_runs(pytester: pytest.Pytester) -> None:
    """No part of memguard but the plugin's own module is imported, nothing is traced, no hook is there for each test."""
    pytester.makepyfile(
        """
        import sys, tracemalloc

        def test_plain(request):
            loaded = {name for name in sys.modules if name.split(".")[0] == "memguard"}
            assert loaded == {"memguard", "memguard.pytest_plugin"}
            assert not tracemalloc.is_tracing()
            hooks = request.config.hook.pytest_runtest_call.get_hookimpls()
            assert not [each for each in hooks if each.function.__module__.startswith("memguard")]
        """
    )
    run(pytester).assert_outcomes(passed=1)


def test_a_wrong_limit_ends_the_session_before_any_test_runs(pytester: pytest.Pytester) -> None:
    """It names the test, the limit, the value and what is allowed."""
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.memguard(max_grwth=1)
        def test_wrong(): raise SystemExit("it ran")
        """
    )
    ended = run(pytester)

    assert ended.ret == pytest.ExitCode.USAGE_ERROR
    ended.stderr.fnmatch_lines(
        ["ERROR: *::test_wrong: marker memguard: unknown limit 'max_grwth'; known: max_growth, *"]
    )


def test_limits_for_all_tests(pytester: pytest.Pytester) -> None:
    """Those in the configuration hold for tests without a marker; a marker's own values win."""
    pytester.makeini("[pytest]\nmemguard_max_peak = 1MB\nmemguard_repeat = 2\nmemguard_warmup = 0\n")
    pytester.makepyfile(
        """
        import pytest

        runs = []
        def test_small(): runs.append(1)
        def test_large(): bytearray(2_000_000)
        @pytest.mark.memguard(max_peak="3MB")
        def test_allowed(): bytearray(2_000_000)
        @pytest.mark.memguard(enabled=False)
        def test_not_asked(): assert bytearray(2_000_000) and len(runs) == 3
        """
    )
    ended = run(pytester)

    ended.assert_outcomes(passed=3, failed=1)
    ended.stdout.fnmatch_lines(
        ["memguard: a run of this test needed 2.00 MB at once, above *; max_peak allows 1.00 MB."]
    )


def test_a_failure_of_a_repetition_is_the_tests_own(pytester: pytest.Pytester) -> None:
    """With a note that says which it was; tracing ends with it, and a failure of the first run is not repeated."""
    pytester.makepyfile(
        """
        import pytest, tracemalloc

        runs = []
        @pytest.mark.memguard(max_peak="1MB", warmup=0)
        def test_third():
            runs.append(1)
            assert len(runs) < 3
        @pytest.mark.memguard
        def test_first():
            assert not tracemalloc.is_tracing()
            runs.append(1)
            raise ValueError(len(runs))
        @pytest.mark.memguard
        @pytest.mark.xfail(raises=ZeroDivisionError, strict=True)
        def test_expected(): 1 / 0
        """
    )
    ended = run(pytester)

    ended.assert_outcomes(failed=2, xfailed=1)
    ended.stdout.fnmatch_lines(["*memguard: it happened in run 3 of the test, which its marker repeats*"])
    ended.stdout.fnmatch_lines(["E * ValueError: 4"])


def test_the_report_shows_what_the_first_run_said(pytester: pytest.Pytester) -> None:
    """Once, and not once for each repetition."""
    pytester.makepyfile(
        """
        import itertools, pytest, warnings

        numbers = itertools.count(1)
        @pytest.mark.memguard(repeat=2, warmup=2)
        def test_chatty():
            number = next(numbers)
            print("run number", number)
            warnings.warn(f"warning number {number % 3}")
        """
    )
    said = run(pytester, "-rP").stdout.str()

    assert said.count("run number 1\n") == said.count("run number") == 1
    assert said.count("UserWarning: warning number") == 1


def test_a_callable_that_has_to_be_awaited_is_told_apart(pytester: pytest.Pytester) -> None:
    """`check` would leave its coroutine behind."""
    pytester.makepyfile(
        """
        import pytest

        async def call(): ...
        def test_it(memguard):
            with pytest.raises(TypeError, match="^call has to be awaited: use `await memguard.check_async"):
                memguard.check(call)
            with pytest.raises(ValueError, match="^repeat=0: expected a whole number from 1 to"):
                memguard.check(call, repeat=0)
        """
    )
    run(pytester).assert_outcomes(passed=1)


def test_under_xdist_each_process_judges_its_own_tests(pytester: pytest.Pytester) -> None:
    """Leaking and clean ones side by side; figures and failures reach JUnit's report."""
    pytester.makepyfile(
        """
        import os, pytest

        kept = []
        @pytest.mark.memguard
        def test_leaks(record_property):
            kept.append(object())
            record_property("worker", os.environ["PYTEST_XDIST_WORKER"])
        def test_settles(memguard):
            memguard.check(lambda: [object()], max_objects=0.5, max_peak="1MB")
        """
    )
    ended = run(pytester, "-n", "2", "--dist", "each", "--junit-xml=report.xml", "-o", "junit_family=xunit2")

    ended.assert_outcomes(passed=2, failed=2)
    cases = list(ET.parse(pytester.path / "report.xml").iter("testcase"))
    properties = [{str(each.get("name")): each.get("value") for each in case.iter("property")} for case in cases]
    leaking = [each for each in properties if "worker" in each]
    assert {each["worker"] for each in leaking} == {"gw0", "gw1"}
    assert {each["memguard_runs"] for each in leaking} == {"100"}
    assert all(
        {"memguard_runs", "memguard_objects_per_run", "memguard_peak_bytes"} <= set(each)
        for each in properties
        if each not in leaking
    )
    failures = [str(failure.text) for case in cases for failure in case.iter("failure")]
    assert len(failures) == 2
    assert all(each.startswith("memguard: this test leaves something behind: ") for each in failures)


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run it in a process of its own, as a user's."""
    return pytester.runpytest_subprocess("-p", "no:asyncio", "-p", "no:cacheprovider", *arguments)
