"""What has changed around a run, from what it and an earlier one noted."""

from tetra_orchestrator.core.around import differences

NOTE = "@host=one\n@version=1.0\n@python=/bin/python3\nHOME=/home/me\nPATH=/usr/bin:/bin\nTOKEN\n"


def test_what_is_as_it_was_is_not_told():
    assert differences(NOTE, NOTE) == []


def test_nothing_is_told_where_one_run_has_noted_nothing():
    assert differences("", NOTE) == differences(NOTE, "") == []


def test_other_values_are_told_with_those_of_then_in_the_order_of_the_note():
    now = NOTE.replace("one", "two").replace("1.0", "1.1").replace("/usr/bin:", "")
    assert differences(NOTE, now) == [
        "the host is another than in its last success: two, then one",
        "tetra-orchestrator is another than in its last success: 1.1, then 1.0",
        "PATH is another than in its last success: /bin, then /usr/bin:/bin",
    ]


def test_variables_that_have_come_and_gone_are_named_and_more_than_five_are_counted():
    now = NOTE.replace("TOKEN\n", "".join(f"V{n}\n" for n in range(7)))
    assert differences(NOTE, now) == [
        "variables of the environment that it had then: TOKEN",
        "variables of the environment that it did not have then: V0, V1, V2, V3, V4 and 2 more",
    ]


def test_what_every_session_has_its_own_of_is_not_told():
    assert differences(NOTE, f"{NOTE}SHLVL\nINVOCATION_ID\nSSH_TTY\n") == []


def test_what_would_drive_a_terminal_is_written_out():
    assert differences(NOTE, NOTE.replace("one", "\x1b[2J")) == [
        "the host is another than in its last success: \\x1b[2J, then one"
    ]
