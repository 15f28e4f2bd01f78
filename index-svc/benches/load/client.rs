//! The callers: an open loop with a fixed schedule, and one caller after its own answers.
//!
//! In the open loop a call's time runs from the moment it was due, whether or not the client or the
//! server was ready for it then: a server that stalls is charged with all who would have called.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use proto::v1::batch_recommend_response::result::Result as Outcome;
use proto::v1::index_service_client::IndexServiceClient;
use proto::v1::{
    BatchRecommendRequest, FeatureVector, QueryByFeaturesRequest, QueryOptions, QueryStats,
    RecommendRequest, Seed, seed,
};
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

pub(crate) type Client = IndexServiceClient<Channel>;

/// Calls that may be in flight; more are counted as failed, so that memory stays bounded.
const MOST_IN_FLIGHT: usize = 4096;

/// What the callers saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// From due to answered.
    pub(crate) times: Vec<Duration>,
    /// From due to sent: the client's own share.
    pub(crate) late: Vec<Duration>,
    pub(crate) failed: usize,
    /// Queries answered: as many as calls, or as all batches held.
    pub(crate) queries: usize,
    /// What the planner chose for the first.
    pub(crate) effort: String,
    pub(crate) wall: Duration,
}

impl Seen {
    fn answer(&mut self, time: Duration, stats: Vec<QueryStats>) {
        self.times.push(time);
        self.queries += stats.len();
        if let Some(first) = stats.into_iter().next().filter(|_| self.effort.is_empty()) {
            self.effort = first.effort;
        }
    }

    /// The first refusal is worth reading, the others are counted.
    #[allow(clippy::print_stderr, reason = "a bench says what went wrong")]
    fn refuse(&mut self, status: &Status) {
        if self.failed == 0 {
            eprintln!("refused: {:?}: {}", status.code(), status.message());
        }
        self.failed += 1;
    }
}

pub(crate) async fn connect(address: &str, connections: usize) -> Vec<Client> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
    let mut clients = Vec::new();
    for _ in 0..connections {
        clients.push(Client::new(endpoint.connect().await.expect("the server answers")));
    }
    clients
}

/// What a caller sends: one query, or many together.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    Query(Box<QueryByFeaturesRequest>),
    Batch(BatchRecommendRequest),
}

impl Call {
    pub(crate) fn query(values: &[f64], profile: &str, options: QueryOptions) -> Self {
        let feature_vector = Some(vector(values, profile));
        Self::Query(Box::new(QueryByFeaturesRequest { feature_vector, options: Some(options) }))
    }

    pub(crate) fn batch(queries: &[Vec<f64>], profile: &str, options: &QueryOptions) -> Self {
        let one = |values: &Vec<f64>| {
            let seed = Some(seed::Seed::FeatureVector(vector(values, profile)));
            let seeds = vec![Seed { seed, ..Seed::default() }];
            let options = Some(options.clone());
            RecommendRequest { seeds, options, ..RecommendRequest::default() }
        };
        Self::Batch(BatchRecommendRequest { requests: queries.iter().map(one).collect() })
    }

    /// Sends it; the statistics of every query that was answered.
    async fn send(self, client: &mut Client) -> Result<Vec<QueryStats>, Status> {
        match self {
            Self::Query(request) => {
                let answer = client.query_by_features(*request).await?.into_inner();
                Ok(answer.stats.into_iter().collect())
            }
            Self::Batch(request) => {
                let results = client.batch_recommend(request).await?.into_inner().results;
                let stats = |outcome| match outcome {
                    Outcome::Response(answer) => answer.stats,
                    Outcome::ErrorStatus(_) => None,
                };
                Ok(results.into_iter().filter_map(|item| stats(item.result?)).collect())
            }
        }
    }
}

fn vector(values: &[f64], profile: &str) -> FeatureVector {
    FeatureVector {
        values: values.to_vec(),
        profile_id: profile.to_owned(),
        ..FeatureVector::default()
    }
}

/// Sends `rate` calls a second for `seconds`, each when it is due.
pub(crate) async fn open_loop(clients: &[Client], calls: &[Call], rate: f64, seconds: f64) -> Seen {
    let seen = Rc::new(RefCell::new(Seen::default()));
    let in_flight = Rc::new(());
    let count = (rate * seconds) as usize;
    let local = tokio::task::LocalSet::new();
    let start = Instant::now();
    let sending = async {
        for number in 0..count {
            let due = start + Duration::from_secs_f64(number as f64 / rate);
            // This processor is the client's own: it spins, since timers have a grain of 1 ms.
            while Instant::now() < due {
                tokio::task::yield_now().await;
            }
            if Rc::strong_count(&in_flight) > MOST_IN_FLIGHT {
                seen.borrow_mut().failed += 1;
                continue;
            }
            seen.borrow_mut().late.push(due.elapsed());
            let mut client = clients[number % clients.len()].clone();
            let call = calls[number % calls.len()].clone();
            let (seen, place) = (Rc::clone(&seen), Rc::clone(&in_flight));
            tokio::task::spawn_local(async move {
                let answered = call.send(&mut client).await;
                let time = due.elapsed();
                let mut seen = seen.borrow_mut();
                match answered {
                    Ok(stats) => seen.answer(time, stats),
                    Err(status) => seen.refuse(&status),
                }
                drop(place);
            });
        }
        while Rc::strong_count(&in_flight) > 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    local.run_until(sending).await;
    let wall = start.elapsed();
    let seen = std::mem::take(&mut *seen.borrow_mut());
    Seen { wall, ..seen }
}

/// One caller: the next call after the answer to the last.
pub(crate) async fn one_by_one(client: &Client, calls: &[Call]) -> Seen {
    let mut client = client.clone();
    let mut seen = Seen::default();
    let start = Instant::now();
    for call in calls.iter().cloned() {
        let sent = Instant::now();
        match call.send(&mut client).await {
            Ok(stats) => seen.answer(sent.elapsed(), stats),
            Err(status) => seen.refuse(&status),
        }
    }
    Seen { wall: start.elapsed(), ..seen }
}
