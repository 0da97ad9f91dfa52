from typing import Any, Dict

from tetra_orchestrator.stages import StageExecutor, StageResult


class Step(StageExecutor):
    """Hands on everything in its configuration."""

    def validate_config(self) -> bool:
        self._get_config_value("output_dir", required=True)
        return True

    def execute(self, inputs: Dict[str, Any]) -> StageResult:
        self._mark_started()
        try:
            outputs = self.work(inputs)
            self._mark_completed()
            return self._create_success_result(outputs=outputs, metrics={"processed_files": 1})
        except Exception as error:
            self._mark_completed()
            return self._create_failure_result(str(error))

    def work(self, inputs: Dict[str, Any]) -> Dict[str, Any]:
        return dict(self.config)

    def estimate_duration(self) -> float:
        return 1.0


class Broken(Step):
    def work(self, inputs):
        raise RuntimeError("no frames in the video")


class Crash(Step):
    def execute(self, inputs):
        raise ValueError("not handled by the executor itself")


class Cluster(Step):
    def work(self, inputs):
        return {"cluster_dirs": ["luca", "alberto", "giulia"], "count": 3, "output_dir": self._get_config_value("output_dir")}
