//! The callers: so many calls in flight, each followed by the next.

use std::cell::Cell;
use std::rc::Rc;

use proto::v1::index_service_client::IndexServiceClient;
use proto::v1::{QueryByFeaturesRequest, QueryByFeaturesResponse};
use tonic::transport::{Channel, Endpoint};

use super::Arguments;

pub(crate) type Client = IndexServiceClient<Channel>;

pub(crate) async fn connect(address: &str, connections: usize) -> Vec<Client> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
    let mut clients = Vec::new();
    for _ in 0..connections {
        clients.push(Client::new(endpoint.connect().await.expect("the server answers")));
    }
    clients
}

/// The reply to one call.
pub(crate) async fn one(
    address: &str,
    request: &QueryByFeaturesRequest,
) -> QueryByFeaturesResponse {
    let mut clients = connect(address, 1).await;
    clients[0].query_by_features(request.clone()).await.expect("an answer").into_inner()
}

/// Makes all calls, with so many in flight as asked for.
pub(crate) async fn closed_loop(
    clients: &[Client],
    requests: &[QueryByFeaturesRequest],
    arguments: &Arguments,
) {
    let next = Rc::new(Cell::new(0));
    let requests: Rc<[QueryByFeaturesRequest]> = requests.into();
    let callers = tokio::task::LocalSet::new();
    for caller in 0..arguments.in_flight {
        let mut client = clients[caller % clients.len()].clone();
        let (next, requests, calls) = (Rc::clone(&next), Rc::clone(&requests), arguments.calls);
        callers.spawn_local(async move {
            while next.get() < calls {
                let request = requests[next.get() % requests.len()].clone();
                next.set(next.get() + 1);
                client.query_by_features(request).await.expect("an answer");
            }
        });
    }
    callers.await;
}
