//! The methods a server has, which bounds the labels: any other path counts as `unknown`.

use std::{collections::HashMap, sync::Arc};

use prost::Message as _;
use prost_types::FileDescriptorSet;

use super::series::MethodSeries;

/// Service and method of a call, as labels.
#[derive(Clone, Debug)]
pub(crate) struct Method {
    pub(crate) service: Arc<str>,
    pub(crate) method: Arc<str>,
    /// Whether a request may be more than one message.
    pub(crate) streams_requests: bool,
    /// What counts its calls.
    pub(super) series: Arc<MethodSeries>,
}

impl PartialEq for Method {
    fn eq(&self, other: &Self) -> bool {
        (&self.service, &self.method, self.streams_requests)
            == (&other.service, &other.method, other.streams_requests)
    }
}

impl Method {
    /// Health checks: outside limits and authentication, and too many for the log.
    pub(crate) fn is_health(&self) -> bool {
        &*self.service == "grpc.health.v1.Health"
    }

    /// `Health/Watch`, which lives as long as its caller.
    pub(crate) fn watches_health(&self) -> bool {
        self.is_health() && &*self.method == "Watch"
    }
}

/// All methods of a server, by path.
#[derive(Clone, Debug)]
pub(crate) struct Methods {
    known: Arc<HashMap<String, Method>>,
    unknown: Method,
}

impl Methods {
    /// The methods of encoded descriptor sets, and those of health and reflection.
    ///
    /// # Errors
    /// When a set cannot be decoded.
    pub(crate) fn read(descriptors: &[u8]) -> Result<Self, prost::DecodeError> {
        let mut known = HashMap::new();
        for set in [
            descriptors,
            tonic_health::pb::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
        ] {
            for file in FileDescriptorSet::decode(set)?.file {
                for service in &file.service {
                    let full: Arc<str> = match file.package() {
                        "" => service.name().into(),
                        package => format!("{package}.{}", service.name()).into(),
                    };
                    for method in &service.method {
                        let labels = Method {
                            service: Arc::clone(&full),
                            method: method.name().into(),
                            streams_requests: method.client_streaming(),
                            series: Arc::default(),
                        };
                        known.insert(format!("/{full}/{}", method.name()), labels);
                    }
                }
            }
        }
        let unknown = Method {
            service: "unknown".into(),
            method: "unknown".into(),
            streams_requests: false,
            series: Arc::default(),
        };
        Ok(Self { known: Arc::new(known), unknown })
    }

    /// The labels of a path.
    pub(crate) fn of(&self, path: &str) -> &Method {
        self.known.get(path).unwrap_or(&self.unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_no_descriptor_has_are_one_label() {
        let methods = Methods::read(&[]).expect("built-in descriptors");
        let health = methods.of("/grpc.health.v1.Health/Check");
        assert_eq!((&*health.service, &*health.method), ("grpc.health.v1.Health", "Check"));
        assert!(health.is_health());
        assert!(!health.watches_health());
        assert!(methods.of("/grpc.health.v1.Health/Watch").watches_health());
        let reflection =
            methods.of("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo");
        assert!(reflection.streams_requests && !health.streams_requests);
        for path in ["", "/", "/grpc.health.v1.Health/Chuck", "/../etc/passwd"] {
            assert_eq!(methods.of(path), &methods.unknown, "{path}");
        }
    }

    #[test]
    fn a_broken_descriptor_set_is_an_error() {
        assert!(Methods::read(&[0xff]).is_err());
    }
}
