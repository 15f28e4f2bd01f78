//! Health and reflection: what load balancers and command-line clients ask before any real call.

use e2e::{calls::health, library::Library};
use proto::{EXTRACTOR_SERVICE, INDEX_SERVICE};
use tonic::{Code, transport::Channel};
use tonic_health::pb::health_check_response::ServingStatus;

#[tokio::test]
async fn both_servers_say_that_they_serve() {
    let library = Library::shared().expect("the library builds");
    let extractor = library.start_extractor().expect("the extractor starts");
    let index = library.start_index().expect("the index opens");
    for (server, own, foreign) in
        [(&extractor, EXTRACTOR_SERVICE, INDEX_SERVICE), (&index, INDEX_SERVICE, EXTRACTOR_SERVICE)]
    {
        let channel = server.connect().await.expect("it listens");
        for service in ["", own] {
            let status = health(&channel, service).await.expect("it is known");
            assert_eq!(status, ServingStatus::Serving, "{service:?}");
        }
        let status = health(&channel, foreign).await.expect_err("it is not here");
        assert_eq!(status.code(), Code::NotFound);
    }
}

/// Names that a reflection client lists; v1alpha is what common command-line clients still speak.
macro_rules! listed_services {
    ($version:ident, $channel:expr) => {{
        use tonic_reflection::pb::$version::{
            ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
            server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
        };
        let request = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let mut answers = ServerReflectionClient::new($channel)
            .server_reflection_info(tokio_stream::iter([request]))
            .await
            .expect("reflection is served")
            .into_inner();
        let answer = answers.message().await.expect("it answers").expect("once");
        let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
            panic!("not a list of services: {answer:?}");
        };
        list.service.into_iter().map(|service| service.name).collect::<Vec<_>>()
    }};
}

async fn assert_lists(channel: Channel, service: &str) {
    for names in [listed_services!(v1, channel.clone()), listed_services!(v1alpha, channel)] {
        for expected in [service, "grpc.health.v1.Health"] {
            assert!(names.iter().any(|name| name == expected), "{expected} in {names:?}");
        }
    }
}

#[tokio::test]
async fn both_servers_reflect_in_both_versions() {
    let library = Library::shared().expect("the library builds");
    let extractor = library.start_extractor().expect("the extractor starts");
    assert_lists(extractor.connect().await.expect("it listens"), EXTRACTOR_SERVICE).await;
    let index = library.start_index().expect("the index opens");
    assert_lists(index.connect().await.expect("it listens"), INDEX_SERVICE).await;
}
