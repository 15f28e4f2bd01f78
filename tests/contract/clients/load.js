// k6: queries and uploads side by side for a few seconds; every call must be answered.
//
//   k6 run --no-usage-report -e INDEX=HOST:PORT -e EXTRACTOR=HOST:PORT -e SONG=FILE load.js
import grpc from "k6/net/grpc";
import { b64encode } from "k6/encoding";
import { check } from "k6";
import { Counter } from "k6/metrics";

const schema = "../../../proto/schema";
const client = new grpc.Client();
client.load([schema], "soundalike/v1/extractor_service.proto", "soundalike/v1/index_service.proto");
const song = open(__ENV.SONG, "b");
const vectors = new Counter("vectors");

export const options = {
  scenarios: {
    queries: { executor: "constant-arrival-rate", exec: "query", rate: 40, duration: "3s", preAllocatedVUs: 8 },
    uploads: { executor: "per-vu-iterations", exec: "upload", vus: 2, iterations: 3, maxDuration: "30s" },
  },
  thresholds: { checks: ["rate==1"], vectors: ["count==6"] },
};

export function query() {
  client.connect(__ENV.INDEX, { plaintext: true });
  // A row is one of the version that is asked: the version goes with it.
  const info = client.invoke("soundalike.v1.IndexService/GetIndexInfo", {}, { timeout: "10s" });
  const request = { track_index: 1, options: { page_size: 3, expected_index_version: info.message.indexVersion } };
  const answer = client.invoke("soundalike.v1.IndexService/QueryByTrackIndex", request, { timeout: "10s" });
  check(answer, {
    "a query is answered": (answer) =>
      answer.status === grpc.StatusOK && answer.message.neighbors.length === 3,
  });
}

export async function upload() {
  client.connect(__ENV.EXTRACTOR, { plaintext: true });
  const stream = new grpc.Stream(client, "soundalike.v1.ExtractorService/ExtractFeatures");
  stream.on("data", (answer) => {
    vectors.add(1);
    check(answer, { "an upload has its vector": (answer) => answer.featureVector.values.length === 74 });
  });
  stream.on("error", (error) => check(error, { "no upload fails": () => false }));
  stream.write({ config: { expected_bytes: song.byteLength } });
  for (let at = 0; at < song.byteLength; at += 65536) {
    stream.write({ chunk: b64encode(song.slice(at, at + 65536)) });
  }
  stream.end();
}
