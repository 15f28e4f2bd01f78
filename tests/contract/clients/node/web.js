#!/usr/bin/env node
// gRPC-Web as a browser speaks it, by connect's transport over TLS: an answer, a refusal with its
// reason, and what a browser asks before it lets a page call.
//
//   web.js --index HOST:PORT --ca CA.pem --server-name NAME --token-file FILE --descriptors SET.binpb
//
// The server must have been started with --web-origin https://player.example.
"use strict";

const assert = require("node:assert");
const fs = require("node:fs");
const http2 = require("node:http2");
const { parseArgs } = require("node:util");
const { createFileRegistry, fromBinary } = require("@bufbuild/protobuf");
const { FileDescriptorSetSchema } = require("@bufbuild/protobuf/wkt");
const { Code, createClient } = require("@connectrpc/connect");
const { createGrpcWebTransport } = require("@connectrpc/connect-node");

const PAGE = "https://player.example";

async function calls(values, service) {
  const token = fs.readFileSync(values["token-file"], "utf8").trim();
  const bearing = (next) => (request) => {
    request.header.set("authorization", `Bearer ${token}`);
    request.header.set("origin", PAGE);
    return next(request);
  };
  const transport = createGrpcWebTransport({
    baseUrl: `https://${values.index}`,
    httpVersion: "2",
    interceptors: [bearing],
    nodeOptions: {
      ca: fs.readFileSync(values.ca),
      servername: values["server-name"],
      checkServerIdentity: () => undefined,
    },
  });
  const client = createClient(service, transport);
  // A row is one of the version that is asked: the version goes with it.
  const { indexVersion } = await client.getIndexInfo({});
  const options = { pageSize: 3, expectedIndexVersion: indexVersion };
  const answer = await client.queryByTrackIndex({ trackIndex: 0n, options });
  assert.equal(answer.neighbors.length, 3);
  assert.equal(answer.stats.indexVersion, indexVersion);
  assert.ok(answer.seed.trackId, "the seed is named");
  await assert.rejects(client.lookup({ trackId: "no such song" }), (error) => {
    assert.equal(error.code, Code.NotFound);
    const info = error.details.find((detail) => detail.type === "google.rpc.ErrorInfo");
    assert.ok(Buffer.from(info.value).includes("TRACK_NOT_FOUND"));
    return true;
  });
}

// What a browser asks first: may a page of this origin call?
function preflight(values, origin) {
  return new Promise((resolve, reject) => {
    const session = http2.connect(`https://${values.index}`, {
      ca: fs.readFileSync(values.ca),
      servername: values["server-name"],
      checkServerIdentity: () => undefined,
    });
    session.on("error", reject);
    const request = session.request({
      ":method": "OPTIONS",
      ":path": "/soundalike.v1.IndexService/Lookup",
      origin,
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization,content-type,x-grpc-web",
    });
    request.on("response", (headers) => {
      session.close();
      resolve(headers);
    });
    request.on("error", reject);
    request.end();
  });
}

async function main() {
  const { values } = parseArgs({
    options: Object.fromEntries(
      ["index", "ca", "server-name", "token-file", "descriptors"].map((name) => [name, { type: "string" }]),
    ),
  });
  const set = fromBinary(FileDescriptorSetSchema, fs.readFileSync(values.descriptors));
  const service = createFileRegistry(set).getService("soundalike.v1.IndexService");
  await calls(values, service);
  const allowed = await preflight(values, PAGE);
  assert.equal(allowed["access-control-allow-origin"], PAGE);
  assert.match(allowed["access-control-allow-headers"], /authorization/);
  const stranger = await preflight(values, "https://stranger.example");
  assert.equal(stranger["access-control-allow-origin"], undefined);
  console.log("  an answer, a refusal with its reason, and pages of one origin alone");
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
