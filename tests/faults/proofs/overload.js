// k6, open loop: calls begin at their rate whether or not earlier ones have ended.
//
//   k6 run -e TARGET=HOST:PORT -e KIND=batch|upload -e RATE=N -e SECONDS=N -e WARM=N -e OUT=FILE [-e SONG=FILE] [-e TIMEOUT=10s] overload.js
//
// Each call waits for its answer for TIMEOUT at most. With VUS in place of RATE it is a closed loop of so many callers. What begins in the first WARM seconds
// is not counted.
import grpc from "k6/net/grpc";
import exec from "k6/execution";
import { b64encode } from "k6/encoding";
import { Counter, Trend } from "k6/metrics";

const { TARGET, KIND, RATE, VUS, SECONDS, WARM, OUT, SONG } = __ENV;
const timeout = __ENV.TIMEOUT || "10s";
const client = new grpc.Client();
client.load(["../../../proto/schema"], "soundalike/v1/extractor_service.proto", "soundalike/v1/index_service.proto");
const chunks = [];
if (SONG) {
  const song = open(SONG, "b");
  for (let at = 0; at < song.byteLength; at += 8192) {
    chunks.push({ chunk: b64encode(song.slice(at, at + 8192)) });
  }
}
// Weights are answered by a scan of all rows.
const item = { seeds: [{ track_index: 3 }], options: { page_size: 1, group_weights: { mfcc: 2 } } };
const batch = { requests: Array(4).fill(item) };

const answered = new Counter("answered");
const shed = new Counter("shed");
const other = new Counter("other");
const latency = new Trend("latency", true);

const duration = `${Number(SECONDS) + Number(WARM)}s`;
export const options = {
  summaryTrendStats: ["med", "p(99)", "max"],
  scenarios: {
    load: RATE
      ? { executor: "constant-arrival-rate", rate: Number(RATE), duration, preAllocatedVUs: 200, maxVUs: 1000, gracefulStop: timeout }
      : { executor: "constant-vus", vus: Number(VUS), duration, gracefulStop: timeout },
  },
};

let connected = false;

function told(begin, status, error) {
  if (begin - exec.scenario.startTime < Number(WARM) * 1000) return;
  if (status === grpc.StatusOK) {
    answered.add(1);
    latency.add(Date.now() - begin);
  } else if (status === grpc.StatusUnavailable) {
    shed.add(1);
  } else {
    other.add(1);
    console.warn(`status ${status}: ${error}`);
  }
}

export default async function () {
  // A connection for each caller, made once.
  if (!connected) {
    client.connect(TARGET, { plaintext: true });
    connected = true;
    if (KIND === "batch") {
      // A row is one of the version that is asked: the version goes with it.
      const info = client.invoke("soundalike.v1.IndexService/GetIndexInfo", {}, { timeout });
      if (info.status === grpc.StatusOK) item.options.expected_index_version = info.message.indexVersion;
    }
  }
  const begin = Date.now();
  if (KIND === "batch") {
    const answer = client.invoke("soundalike.v1.IndexService/BatchRecommend", batch, { timeout });
    told(begin, answer.status, answer.error && answer.error.message);
    return;
  }
  await new Promise((resolve) => {
    const stream = new grpc.Stream(client, "soundalike.v1.ExtractorService/ExtractFeatures", { timeout });
    let status = grpc.StatusUnknown;
    stream.on("data", () => (status = grpc.StatusOK));
    stream.on("error", (error) => {
      told(begin, error.code, error.message);
      status = null;
      resolve();
    });
    stream.on("end", () => {
      if (status !== null) told(begin, status, "no answer");
      resolve();
    });
    stream.write({ config: {} });
    for (const chunk of chunks) stream.write(chunk);
    stream.end();
  });
}

export function handleSummary(data) {
  const count = (name) => (data.metrics[name] ? data.metrics[name].values.count : 0);
  const times = data.metrics.latency ? data.metrics.latency.values : {};
  const dropped = count("dropped_iterations");
  return {
    [OUT]: JSON.stringify({
      answered: count("answered"), shed: count("shed"), other: count("other"), dropped,
      median: times.med, p99: times["p(99)"], max: times.max,
    }),
  };
}
