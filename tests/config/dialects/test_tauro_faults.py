"""What is said about tauro files that are wrong: always enough to mend them."""

from __future__ import annotations

import pytest

from config.dialects.tauro_folders import Tauro


@pytest.fixture
def tauro(tmp_path):
    return Tauro(tmp_path)


def test_X_024_a_pipeline_lists_what_is_no_node(tauro):
    tauro.write("daily:\n  nodes: [extrat]\n", "pipelines.yaml").write("extract: {function: p.extract}\n")
    assert tauro.problems() == (
        "pipelines.yaml:2:11: 'daily' lists 'extrat', and there is no such node\n    nodes: [extrat]\n"
        "            ^\n  hint: did you mean 'extract'?"
    )


def test_X_069_a_dependency_is_in_no_pipeline(tauro):
    tauro.write("daily: {nodes: [b]}\n", "pipelines.yaml")
    tauro.write("a: {function: p.a}\nb: {function: p.b, dependencies: a}\n")
    assert tauro.problems() == (
        "pipelines.yaml:1:17: 'b' depends on 'a', which the pipeline 'daily' does not list\n"
        "  daily: {nodes: [b]}\n                  ^\n  hint: add 'a' to the nodes of 'daily'"
    )


def test_X_042_data_that_two_nodes_make_of_each_other_is_a_cycle(tauro):
    tauro.write("a: {function: p.a, input: y, output: x}\nb: {function: p.b, input: x, output: y}\n")
    assert tauro.problems() == (
        "nodes.yaml:2:27: Circular dependency detected: a <-> b\n  b: {function: p.b, input: x, output: y}\n"
        "                            ^\n"
        "  hint: 'b' reads 'x', which 'a' writes: rename or remove one of the two"
    )


def test_a_cycle_is_told_at_the_input_that_closes_it_whatever_the_form(tauro):
    tauro.write("""\
        a: {function: p.a, dependencies: b, output: [x, y]}
        b:
          function: p.b
          input:
            - raw
            - y
        """)
    assert tauro.problems() == (
        "nodes.yaml:6:7: Circular dependency detected: a <-> b\n"
        "      - y\n"
        "        ^\n"
        "  hint: 'b' reads 'y', which 'a' writes: rename or remove one of the two"
    )


def test_a_dependency_that_is_a_data_set_is_told_with_its_writer(tauro):
    tauro.write("""\
        extract: {function: p.extract, output: [bronze.events]}
        load: {function: p.load, dependencies: [bronze.events]}
        """)
    assert tauro.problems() == (
        "nodes.yaml:2:41: 'load' depends on 'bronze.events', and there is no such node\n"
        "  load: {function: p.load, dependencies: [bronze.events]}\n"
        "                                          ^\n"
        "  hint: 'bronze.events' is written by 'extract': depend on that, or read it as `input`"
    )


def test_a_dependency_on_a_nodes_own_data_set_is_told_like_any_other(tauro):
    assert tauro.write("load: {function: p.load, output: gold, dependencies: [gold]}\n").problems() == (
        "nodes.yaml:1:55: 'load' depends on 'gold', and there is no such node\n"
        "  load: {function: p.load, output: gold, dependencies: [gold]}\n"
        "                                                        ^\n"
        "  hint: nodes: load"
    )


def test_X_138_a_pipeline_needs_nodes(tauro):
    tauro.write("daily: {type: batch}\nweekly: {nodes: []}\n", "pipelines.yaml").write("a: {function: p.a}\n")
    assert tauro.problems() == (
        "pipelines.yaml:1:1: 'daily' has no 'nodes'\n  daily: {type: batch}\n  ^\n"
        "pipelines.yaml:2:17: 'nodes' is empty\n  weekly: {nodes: []}\n                  ^"
    )


@pytest.mark.parametrize(("day", "place"), [("2025-13-01", "day"), ("20250101", "day"), ("tomorrow", "day")])
def test_X_137_a_malformed_date_is_refused(tauro, day, place):
    tauro.write(f"start_date: {day}\n", "global_settings.yaml").write("a: {function: p.a}\n")
    assert tauro.problems() == (
        f"global_settings.yaml:1:13: 'start_date' is not a {place}: '{day}'\n  start_date: {day}\n"
        "              ^\n  hint: write it like 2025-01-31"
    )


def test_X_137_reversed_dates_are_refused(tauro):
    tauro.write("start_date: 2025-02-01\nend_date: 2025-01-01\n", "global_settings.yaml")
    assert tauro.write("a: {function: p.a}\n").problems() == (
        "global_settings.yaml:1:1: 'global_settings' has a start_date (2025-02-01) after its end_date (2025-01-01)\n"
        "  start_date: 2025-02-01\n  ^\n  hint: swap the two"
    )


def test_a_folder_without_nodes_has_nothing_to_run(tauro):
    assert tauro.write("mlops: {backend: local}\n", "ml_info.yaml").problems() == (
        "ml_info.yaml:1:1: there is nothing to run: no file with nodes is beside ml_info.yaml\n"
        "  mlops: {backend: local}\n  ^\n"
        "  hint: nodes.yaml beside it says what each node runs: `extract: {function: my_pkg.etl.extract}`"
    )


def test_an_empty_mapping_of_nodes_has_nothing_to_run(tauro):
    assert tauro.write("nodes: {}\n").problems() == (
        "nodes.yaml:1:8: there is nothing to run: 'nodes' is empty\n  nodes: {}\n         ^\n"
        "  hint: nodes.yaml beside it says what each node runs: `extract: {function: my_pkg.etl.extract}`"
    )


def test_a_single_file_that_has_forgotten_its_nodes_is_told_so(tauro):
    tauro.write("name: churn\ntype: batch\nconfig: {hyperparams: {trees: 100}}\n", "ml_pipeline.yml")
    assert tauro.problems() == (
        "ml_pipeline.yml:1:1: the pipeline 'churn' has no 'nodes'\n  name: churn\n  ^\n"
        "  hint: say what each of them runs: `nodes: {extract: {function: my_pkg.etl.extract}}`"
    )


def test_a_part_with_a_slip_in_its_key_is_guessed(tauro):
    tauro.write("extract: {function: p.extract}\n", "n.yaml")
    tauro.write("pipeline_config: p.yaml\nnodes_config: n.yaml\nglobal_setings: {}\nowner: me\n", "config.yaml")
    assert tauro.problems() == (
        "config.yaml:1:1: unknown key 'pipeline_config'\n  pipeline_config: p.yaml\n  ^\n"
        "  hint: did you mean 'pipelines_config'?\n"
        "config.yaml:3:1: unknown key 'global_setings'\n  global_setings: {}\n  ^\n"
        "  hint: did you mean 'global_settings'?\n"
        "config.yaml:4:1: unknown key 'owner'\n  owner: me\n  ^\n"
        "  hint: known here: nodes, nodes_config, pipelines, pipelines_config, global_settings, ml_info, mlops, "
        "hyperparams, hyperparameters, metrics, tags, model_name, model_version, name, type, description, config"
    )


# -- files that users get wrong: every message is all that it takes to mend them


def test_X_152_wrong_file_1_slips_in_keys_are_told_all_at_once(tauro):
    tauro.write("""\
        extract:
          functon: "my_pkg.etl.extract_raw"
          outputs: ["bronze.raw_events"]

        transform:
          function: "my_pkg.etl.transform"
          dependencies: ["extrat"]
          schedule: daily
        """)
    assert tauro.problems() == (
        "nodes.yaml:1:1: the node 'extract' has no 'function'\n"
        "  extract:\n"
        "  ^\n"
        "  hint: add the dotted path of its Python function: `function: my_pkg.etl.extract`\n"
        "nodes.yaml:2:3: unknown key 'functon'\n"
        '    functon: "my_pkg.etl.extract_raw"\n'
        "    ^\n"
        "  hint: did you mean 'function'?\n"
        "nodes.yaml:3:3: unknown key 'outputs'\n"
        '    outputs: ["bronze.raw_events"]\n'
        "    ^\n"
        "  hint: did you mean 'output'?\n"
        "nodes.yaml:7:18: 'transform' depends on 'extrat', and there is no such node\n"
        '    dependencies: ["extrat"]\n'
        "                   ^\n"
        "  hint: did you mean 'extract'?\n"
        "nodes.yaml:8:3: unknown key 'schedule'\n"
        "    schedule: daily\n"
        "    ^\n"
        "  hint: known here: mlops, hyperparams, hyperparameters, metrics, function, input, output, dependencies, "
        "depends_on, description, type, timeout_seconds, retry"
    )


def test_wrong_file_2_dependencies_as_one_mapping(tauro):
    tauro.write("""\
        extract: {function: p.extract}
        clean: {function: p.clean}
        join:
          function: p.join
          dependencies:
            extract: {}
            clean: {}
        """)
    assert tauro.problems() == (
        "nodes.yaml:6:5: 'dependencies' has a mapping of 2 nodes\n"
        "      extract: {}\n"
        "      ^\n"
        "  hint: write them as a list: [extract, clean]"
    )


def test_wrong_file_3_a_longer_cycle(tauro):
    tauro.write("""\
        a: {function: p.a, dependencies: [b]}
        b: {function: p.b, dependencies: [c]}
        c:
          function: p.c
          dependencies:
            - a: {}
        """)
    assert tauro.problems() == (
        "nodes.yaml:6:7: Circular dependency detected: a -> b -> c -> a\n"
        "      - a: {}\n"
        "        ^\n"
        "  hint: remove one of these dependencies, such as that of 'c' on 'a'"
    )


def test_wrong_file_4_machine_learning_said_twice_and_in_words_of_others(tauro):
    tauro.write("""\
        train_model:
          function: ml.train
          hyperparams: {depth: 6}
          hyperparameters: {depth: 7}
        predict:
          function: ml.predict
          mlops:
            backend: mlflow
            experiment_nam: scoring
            enabled: yes
        """)
    assert tauro.problems() == (
        "nodes.yaml:2:3: 'train_model' has both 'hyperparams' and 'hyperparameters', which mean the same\n"
        "    function: ml.train\n"
        "    ^\n"
        "  hint: keep one of them\n"
        "nodes.yaml:8:14: 'backend' must be 'local' or 'databricks': 'mlflow'\n"
        "      backend: mlflow\n"
        "               ^\n"
        "nodes.yaml:9:5: unknown key 'experiment_nam'\n"
        "      experiment_nam: scoring\n"
        "      ^\n"
        "  hint: did you mean 'experiment_name'?\n"
        "nodes.yaml:10:14: 'enabled' is neither true nor false: 'yes'\n"
        "      enabled: yes\n"
        "               ^\n"
        "  hint: write true or false, in small letters"
    )


def test_wrong_file_5_settings_and_pipelines_with_slips(tauro):
    tauro.write("strat_date: 2025-01-01\nend_date: 31.01.2025\n", "global_settings.yaml")
    tauro.write("daily etl:\n  node: [extract]\n", "pipelines.yaml")
    tauro.write("extract: {function: p.extract}\n")
    assert tauro.problems() == (
        "global_settings.yaml:1:1: unknown key 'strat_date'\n"
        "  strat_date: 2025-01-01\n"
        "  ^\n"
        "  hint: did you mean 'start_date'?\n"
        "global_settings.yaml:2:11: 'end_date' is not a day: '31.01.2025'\n"
        "  end_date: 31.01.2025\n"
        "            ^\n"
        "  hint: write it like 2025-01-31\n"
        "pipelines.yaml:1:1: 'daily etl' is not a name\n"
        "  daily etl:\n"
        "  ^\n"
        "  hint: use letters, digits, _ and -, not - first, at most 100 of them\n"
        "pipelines.yaml:1:1: 'daily etl' has no 'nodes'\n"
        "  daily etl:\n"
        "  ^\n"
        "pipelines.yaml:2:3: unknown key 'node'\n"
        "    node: [extract]\n"
        "    ^\n"
        "  hint: did you mean 'nodes'?"
    )
