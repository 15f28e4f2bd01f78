#!/usr/bin/env node
// Uploads a file and prints its neighbours: the example for grpc-js.
//
//   neighbours.js --extractor HOST:PORT --index HOST:PORT [--ca CA.pem] [--token-file FILE] SONG
//
// The .proto files are read as they are; retries, balancing and timeouts are in
// proto/service_config/, which any gRPC client can read.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const { parseArgs } = require("node:util");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const CHUNK = 64 * 1024;
const PROTO = path.join(__dirname, "..", "..", "..", "..", "proto");

const definition = loader.loadSync(
  ["soundalike/v1/extractor_service.proto", "soundalike/v1/index_service.proto"],
  { includeDirs: [path.join(PROTO, "schema")], longs: Number, enums: String, defaults: true },
);
const { ExtractorService, IndexService } = grpc.loadPackageDefinition(definition).soundalike.v1;

/** How to prove who we are, and options with the shared policy. A token travels over TLS only. */
function connection(service, { ca, token, serverName }) {
  const options = {
    "grpc.service_config": fs.readFileSync(path.join(PROTO, "service_config", `${service}.json`), "utf8"),
    "grpc.keepalive_time_ms": 30_000,
    "grpc.max_receive_message_length": 16 << 20,
  };
  if (!ca) return [grpc.credentials.createInsecure(), options];
  if (serverName) options["grpc.ssl_target_name_override"] = serverName;
  let credentials = grpc.credentials.createSsl(fs.readFileSync(ca));
  if (token) {
    const bearer = grpc.credentials.createFromMetadataGenerator((_, done) => {
      const metadata = new grpc.Metadata();
      metadata.set("authorization", `Bearer ${token}`);
      done(null, metadata);
    });
    credentials = grpc.credentials.combineChannelCredentials(credentials, bearer);
  }
  return [credentials, options];
}

const after = (seconds) => ({ deadline: Date.now() + seconds * 1000 });

/**
 * Streams a file: `config` first, then chunks of 64 KiB, no faster than they are taken. A file that
 * does not come whole is refused.
 */
function extract(client, file) {
  return new Promise((resolve, reject) => {
    const call = client.extractFeatures(after(60), (error, answer) =>
      error ? reject(error) : resolve(answer),
    );
    call.write({ config: { expectedBytes: fs.statSync(file).size } });
    const audio = fs.createReadStream(file, { highWaterMark: CHUNK });
    audio.on("data", (chunk) => {
      if (!call.write({ chunk })) {
        audio.pause();
        call.once("drain", () => audio.resume());
      }
    });
    audio.on("end", () => call.end());
    audio.on("error", (error) => {
      call.cancel();
      reject(error);
    });
  });
}

/** What was found about the audio: the vector may say less than it seems to. */
function tell({ warnings, damagedShare }) {
  for (const { code, message } of warnings) console.error(`${code}: ${message}`);
  if (damagedShare > 0) console.error(`${(100 * damagedShare).toFixed(1)}% of the audio is damaged`);
}

function query(client, featureVector, count) {
  const request = { featureVector, options: { pageSize: count, includeSeeds: true } };
  return new Promise((resolve, reject) => {
    client.queryByFeatures(request, after(5), (error, answer) =>
      error ? reject(error) : resolve(answer.neighbors),
    );
  });
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      extractor: { type: "string" },
      index: { type: "string" },
      ca: { type: "string" },
      "server-name": { type: "string" },
      "token-file": { type: "string" },
      k: { type: "string", default: "5" },
    },
  });
  const tokenFile = values["token-file"];
  const token = tokenFile && fs.readFileSync(tokenFile, "utf8").trim();
  if (token && !values.ca) throw new Error("a token needs TLS: give --ca");
  const secrets = { ca: values.ca, token, serverName: values["server-name"] };
  const extractor = new ExtractorService(values.extractor, ...connection("extractor", secrets));
  const index = new IndexService(values.index, ...connection("index", secrets));
  try {
    const extraction = await extract(extractor, positionals[0]);
    tell(extraction);
    for (const hit of await query(index, extraction.featureVector, Number(values.k))) {
      console.log(`${hit.distance.toFixed(4).padStart(10)}  ${hit.track.trackId}`);
    }
  } finally {
    extractor.close();
    index.close();
  }
}

main().catch((error) => {
  const code = grpc.status[error.code];
  console.error(code ? `${code}: ${error.details}` : String(error));
  process.exitCode = 1;
});
