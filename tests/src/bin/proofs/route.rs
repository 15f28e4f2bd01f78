//! The way of a call to a replica: this project's client, or a plain channel to Envoy.

use std::{sync::Arc, time::Duration};

use anyhow::{Result, bail};
use client::{
    CallError, Deadline, ExtractorClient, IndexClient, Liveness, Options, Target, Upload,
};
use e2e::calls::{chunk_message, config_message, query, top};
use proto::v1::{
    ExtractionConfig, FeatureVector, QueryByFeaturesRequest, QueryByFeaturesResponse,
    extractor_service_client::ExtractorServiceClient,
};
use tokio::{io::AsyncReadExt as _, sync::mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Code, Request,
    transport::{Channel, Endpoint},
};

use crate::{
    envoy::Envoy,
    fleet::{Fleet, Replica},
    load::Paced,
};

/// How long a query and an upload may take.
const QUERY_TIME: Duration = Duration::from_secs(10);
const UPLOAD_TIME: Duration = Duration::from_secs(30);

/// Longest wait for all replicas to be ready.
const SETTLING: Duration = Duration::from_secs(30);

#[derive(Clone)]
pub(crate) struct Route {
    way: Way,
    /// What is queried with. A row would belong to one version, and the replicas change theirs one by one.
    vectors: Arc<[FeatureVector]>,
}

#[derive(Clone)]
enum Way {
    Client { index: IndexClient, extractor: ExtractorClient },
    Envoy { index: Channel, extractor: Channel },
}

impl Route {
    pub(crate) fn client(fleet: &Fleet) -> Result<Self> {
        let options = Options {
            liveness: Liveness {
                keepalive: Duration::from_secs(1),
                probe: Duration::from_secs(1),
                ..Liveness::default()
            },
            ..Options::default()
        };
        let target = |replicas: &[Replica]| Target::fixed(replicas.iter().map(Replica::address));
        let way = Way::Client {
            index: IndexClient::new(target(&fleet.index)?, options.clone())?,
            extractor: ExtractorClient::new(target(&fleet.extractor)?, options)?,
        };
        Ok(Self { way, vectors: Arc::clone(&fleet.vectors) })
    }

    pub(crate) async fn envoy(envoy: &Envoy, fleet: &Fleet) -> Result<Self> {
        let connect = async |address: &str| -> Result<Channel> {
            let endpoint = Endpoint::from_shared(format!("http://{address}"))?;
            let start = tokio::time::Instant::now();
            loop {
                match endpoint.connect().await {
                    Ok(channel) => return Ok(channel),
                    Err(error) if start.elapsed() > SETTLING => bail!("Envoy: {error}"),
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        };
        let way = Way::Envoy {
            index: connect(&envoy.index).await?,
            extractor: connect(&envoy.extractor).await?,
        };
        Ok(Self { way, vectors: Arc::clone(&fleet.vectors) })
    }

    /// Whether an upload may be sent again.
    pub(crate) fn replays(&self) -> bool {
        matches!(self.way, Way::Client { .. })
    }

    pub(crate) fn name(&self) -> &'static str {
        match self.way {
            Way::Client { .. } => "client",
            Way::Envoy { .. } => "Envoy",
        }
    }

    /// Waits until every replica takes calls.
    pub(crate) async fn settle(&self) -> Result<()> {
        let start = tokio::time::Instant::now();
        while start.elapsed() < SETTLING {
            let ready = match &self.way {
                Way::Client { index, extractor } => [index.activity(), extractor.activity()]
                    .iter()
                    .all(|activity| activity.endpoints.iter().all(|endpoint| endpoint.ready)),
                // Envoy serves when its first health checks are done.
                Way::Envoy { .. } => self.query(0).await.is_ok() && self.upload(true).await.is_ok(),
            };
            if ready {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("not ready after {SETTLING:?}")
    }

    /// One query; the version of the index that answered. The error is its code, and what else is known.
    pub(crate) async fn query(&self, number: usize) -> Result<String, Failure> {
        let vector = self.vectors[number % self.vectors.len()].clone();
        match &self.way {
            Way::Client { index, .. } => {
                let (feature_vector, options) = (Some(vector), Some(top(3)));
                let request = QueryByFeaturesRequest { feature_vector, options };
                let deadline = Deadline::after(QUERY_TIME);
                let answer = index.query_by_features(request, deadline).await;
                answer.map(version).map_err(Failure::from)
            }
            Way::Envoy { index, .. } => {
                let call = query(index, vector, top(3));
                match tokio::time::timeout(QUERY_TIME, call).await {
                    Ok(answer) => answer.map(version).map_err(Failure::from),
                    Err(_) => Err(Failure { code: Code::DeadlineExceeded, text: String::new() }),
                }
            }
        }
    }

    /// One upload of a clip, read slowly. Envoy cannot replay any.
    pub(crate) async fn upload(&self, replayable: bool) -> Result<(), Failure> {
        match &self.way {
            Way::Client { extractor, .. } => {
                let upload = if replayable {
                    Upload::replayable(|| async { Ok(Box::pin(Paced::new()) as client::Reader) })
                } else {
                    Upload::reader(Paced::new())
                };
                let deadline = Deadline::after(UPLOAD_TIME);
                extractor.extract(upload, deadline).await.map(drop).map_err(Failure::from)
            }
            Way::Envoy { extractor, .. } => {
                let (send, messages) = mpsc::channel(1);
                tokio::spawn(async move {
                    let (mut source, mut bytes) = (Paced::new(), vec![0; 16 << 10]);
                    let mut next = config_message(ExtractionConfig::default());
                    // The call's end is the end of this too.
                    while send.send(next).await.is_ok() {
                        match source.read(&mut bytes).await {
                            Ok(count @ 1..) => next = chunk_message(&bytes[..count]),
                            _ => break,
                        }
                    }
                });
                let mut request = Request::new(ReceiverStream::new(messages));
                request.set_timeout(UPLOAD_TIME);
                let mut stub = ExtractorServiceClient::new(extractor.clone());
                stub.extract_features(request).await.map(drop).map_err(Failure::from)
            }
        }
    }
}

fn version(answer: QueryByFeaturesResponse) -> String {
    answer.stats.map(|stats| stats.index_version).unwrap_or_default()
}

/// Why a call has no answer.
pub(crate) struct Failure {
    pub(crate) code: Code,
    pub(crate) text: String,
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        Self { code: error.code(), text: error.to_string() }
    }
}

impl From<tonic::Status> for Failure {
    fn from(status: tonic::Status) -> Self {
        Self { code: status.code(), text: status.message().to_owned() }
    }
}
