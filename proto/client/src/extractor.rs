//! `soundalike.v1.ExtractorService`.

use proto::v1::{
    FeatureVector, ListFeatureProfilesRequest, ListFeatureProfilesResponse, Warning,
    extractor_service_client::ExtractorServiceClient,
};
use tonic::transport::Channel;

use crate::{
    call::{Attempt, Caller},
    deadline::Deadline,
    endpoints::{balance::Activity, target::Target},
    error::{CallError, OptionsError},
    options::Options,
    upload::Upload,
};

/// A client of the extractor. Clones share connections.
#[derive(Clone, Debug)]
pub struct ExtractorClient(Caller);

/// What became of an upload.
#[derive(Clone, Debug, PartialEq)]
pub struct Extraction {
    /// The features.
    pub vector: FeatureVector,
    /// What was found about the audio.
    pub warnings: Vec<Warning>,
    /// Share of the analysed window's expected time that is missing or was replaced, 0 to 1.
    pub damaged_share: f64,
}

impl ExtractorClient {
    /// A client of the servers at `target`; connects in the background. Must be called inside a
    /// tokio runtime.
    ///
    /// # Errors
    /// When options or TLS cannot be right.
    pub fn new(target: Target, options: Options) -> Result<Self, OptionsError> {
        Ok(Self(Caller::new(proto::EXTRACTOR_SERVICE, target, options)?))
    }

    /// Turns audio into its feature vector, and says what was found about the audio.
    ///
    /// # Errors
    /// When the server refuses the audio, the source fails, or no answer comes in time.
    pub async fn extract(
        &self,
        upload: Upload,
        deadline: Deadline,
    ) -> Result<Extraction, CallError> {
        let send = |attempt: Attempt, messages| async move {
            stub(&attempt).extract_features(attempt.request(messages)).await
        };
        let answer = self.0.upload(deadline, upload, send).await?;
        let vector = answer.feature_vector.ok_or(CallError::Incomplete("feature vector"))?;
        let (warnings, damaged_share) = (answer.warnings, answer.damaged_share);
        Ok(Extraction { vector, warnings, damaged_share })
    }

    /// What the servers can compute, and their limits.
    ///
    /// # Errors
    /// When the server refuses the request, or no answer comes in time.
    pub async fn list_feature_profiles(
        &self,
        request: ListFeatureProfilesRequest,
        deadline: Deadline,
    ) -> Result<ListFeatureProfilesResponse, CallError> {
        let send = |attempt: Attempt| {
            let request = attempt.request(request.clone());
            async move { stub(&attempt).list_feature_profiles(request).await }
        };
        self.0.query(deadline, send).await
    }

    /// What this client did so far, and with whom.
    #[must_use]
    pub fn activity(&self) -> Activity {
        self.0.activity()
    }
}

fn stub(attempt: &Attempt) -> ExtractorServiceClient<Channel> {
    ExtractorServiceClient::new(attempt.channel.clone())
        .max_decoding_message_size(attempt.max_answer_bytes())
}
