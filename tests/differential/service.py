"""The real binary: `build`, `append`, `remove`, `validate` and `serve`, and requests made from plain Python values."""
import json
import pathlib
import subprocess
import sys

import grpc
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "contract" / "clients" / "python"))
from servers import Server  # noqa: E402
from soundalike.v1 import feature_vector_pb2 as feature  # noqa: E402
from soundalike.v1 import index_service_pb2 as index  # noqa: E402
from soundalike.v1 import index_service_pb2_grpc as index_grpc  # noqa: E402
from soundalike.v1 import query_pb2 as query  # noqa: E402

from catalogue import PROFILE  # noqa: E402

STRATEGIES = {"centroid": index.RecommendRequest.STRATEGY_CENTROID, "best_of": index.RecommendRequest.STRATEGY_BEST_OF,
              "shared_traits": index.RecommendRequest.STRATEGY_SHARED_TRAITS}
EXPLAINED = query.QueryOptions.RESULT_VIEW_EXPLAINED


class Binary:
    """`index-svc`, with its commands as methods."""

    def __init__(self, path):
        self.path = path

    def run(self, *arguments, code=0):
        """What the command wrote; any other exit code than `code` is an error."""
        done = subprocess.run([self.path, *map(str, arguments), "--log", "error"], capture_output=True, text=True)
        if done.returncode != code:
            raise RuntimeError(f"{' '.join(map(str, arguments))}: exit code {done.returncode}, not {code}\n{done.stdout}{done.stderr}")
        return done.stdout

    def build(self, table, output, *flags):
        self.run("build", "--input", table, "--output", output, "--profile", PROFILE, *flags)
        return manifest(output)


def manifest(folder):
    return json.loads((pathlib.Path(folder) / "manifest.json").read_text())


class Service:
    """A served index. Closed at the end of the block it is opened for."""

    def __init__(self, binary, folder, *flags):
        self.server = Server(binary.path, "--index", folder, "--log", "error", *flags)
        self.channel = grpc.insecure_channel(self.server.address, [("grpc.max_receive_message_length", 64 << 20)])
        self.stub = index_grpc.IndexServiceStub(self.channel)

    def __enter__(self):
        self.server.__enter__()
        self.info = self.stub.GetIndexInfo(index.GetIndexInfoRequest())
        return self

    def __exit__(self, *error):
        self.channel.close()
        return self.server.__exit__(*error)

    def vector(self, values):
        return feature.FeatureVector(values=np.asarray(values).tolist(), profile_id=self.info.profile_id)

    def seed(self, example):
        weight = {} if example.weight == 1.0 else {"weight": example.weight}
        if example.row is not None:
            return index.Seed(track_index=example.row, **weight)
        return index.Seed(feature_vector=self.vector(example.vector), **weight)

    def recommend_request(self, examples, strategy, options):
        options.expected_index_version = self.info.index_version
        return index.RecommendRequest(seeds=map(self.seed, examples), strategy=STRATEGIES[strategy], options=options)

    def ask(self, examples, strategy, options):
        """The method that fits: one row, one vector, or several examples."""
        options.expected_index_version = self.info.index_version
        if len(examples) == 1 and strategy == "row":
            return self.stub.QueryByTrackIndex(index.QueryByTrackIndexRequest(track_index=examples[0].row, options=options))
        if len(examples) == 1 and strategy == "vector":
            vector = self.vector(examples[0].vector)
            return self.stub.QueryByFeatures(index.QueryByFeaturesRequest(feature_vector=vector, options=options))
        return self.stub.Recommend(self.recommend_request(examples, strategy, options))
