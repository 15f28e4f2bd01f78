//! The callers: an open loop with a fixed schedule, and one caller after its own answers.
//!
//! In the open loop a call's time runs from the moment it was due, whether or not the client or the
//! server was ready for it then: a server that stalls is charged with all who would have called.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use proto::v1::index_service_client::IndexServiceClient;
use proto::v1::{FeatureVector, QueryByFeaturesRequest, QueryOptions};
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
    pub(crate) wall: Duration,
}

pub(crate) async fn connect(address: &str, connections: usize) -> Vec<Client> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
    let mut clients = Vec::new();
    for _ in 0..connections {
        clients.push(Client::new(endpoint.connect().await.expect("the server answers")));
    }
    clients
}

pub(crate) fn request(
    values: &[f64],
    profile: &str,
    options: QueryOptions,
) -> QueryByFeaturesRequest {
    let vector = FeatureVector {
        values: values.to_vec(),
        profile_id: profile.to_owned(),
        ..FeatureVector::default()
    };
    QueryByFeaturesRequest { feature_vector: Some(vector), options: Some(options) }
}

/// Sends `rate` calls a second for `seconds`, each when it is due.
pub(crate) async fn open_loop(
    clients: &[Client],
    requests: &[QueryByFeaturesRequest],
    rate: f64,
    seconds: f64,
) -> Seen {
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
            let request = requests[number % requests.len()].clone();
            let (seen, place) = (Rc::clone(&seen), Rc::clone(&in_flight));
            tokio::task::spawn_local(async move {
                let answered = client.query_by_features(request).await;
                let time = due.elapsed();
                let mut seen = seen.borrow_mut();
                match answered {
                    Ok(_) => seen.times.push(time),
                    Err(_) => seen.failed += 1,
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
pub(crate) async fn one_by_one(client: &Client, requests: &[QueryByFeaturesRequest]) -> Seen {
    let mut client = client.clone();
    let mut seen = Seen::default();
    let start = Instant::now();
    for request in requests {
        let request = request.clone();
        let sent = Instant::now();
        match client.query_by_features(request).await {
            Ok(_) => seen.times.push(sent.elapsed()),
            Err(_) => seen.failed += 1,
        }
    }
    Seen { wall: start.elapsed(), ..seen }
}
