//! What a component says about itself and its configuration, before it may do anything.

use std::collections::BTreeMap;

use wasm_sink_core::error::Result;
use wasm_sink_core::guest::Guest;

use super::bindings::Problem;
use super::log::printable;
use super::sandbox::Sandbox;
use super::state::{Identity, Phase, State};
use super::{InstanceLimits, Loaded};

/// Problems of one `validate` that are shown.
const MAX_PROBLEMS: usize = 100;
/// The longest text of a problem, in bytes.
const TEXT_BYTES: usize = 4 << 10;

/// A mistake in `[sink.config]` that the component found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigProblem {
    /// As in the configuration: `["routes", "0", "table"]`; empty for the whole.
    pub path: Vec<String>,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

impl From<Problem> for ConfigProblem {
    fn from(problem: Problem) -> Self {
        let text = |text: &str| printable(text, TEXT_BYTES);
        Self {
            path: problem.path.iter().map(|step| text(step)).collect(),
            message: text(&problem.message),
            help: problem.help.as_deref().map(text),
        }
    }
}

impl Loaded {
    /// The JSON Schema of the configuration, as text; empty where the component has none. Asked of
    /// a throw-away instance without capabilities.
    ///
    /// # Errors
    /// The component traps, or runs or grows beyond `limits`.
    pub async fn config_schema(&self, limits: &InstanceLimits) -> Result<String> {
        let mut sandbox = self.throw_away(limits).await?;
        sandbox
            .config_schema()
            .await
            .map_err(|failure| failure.error)
    }

    /// What the component finds wrong with `config` (JSON) beyond its schema. Asked of a throw-away
    /// instance without capabilities.
    ///
    /// # Errors
    /// The component traps, or runs or grows beyond `limits`.
    pub async fn validate(
        &self,
        config: &str,
        limits: &InstanceLimits,
    ) -> Result<Vec<ConfigProblem>> {
        let mut sandbox = self.throw_away(limits).await?;
        let problems = sandbox
            .validate(config)
            .await
            .map_err(|failure| failure.error)?;
        Ok(problems
            .into_iter()
            .take(MAX_PROBLEMS)
            .map(ConfigProblem::from)
            .collect())
    }

    async fn throw_away(&self, limits: &InstanceLimits) -> Result<Sandbox> {
        let identity = Identity {
            pipeline: "".into(),
            component: self.shared_name(),
            instance: 0,
        };
        let guest = Guest::new(BTreeMap::new(), limits.guest);
        let state = State::new(identity, guest, limits);
        Sandbox::start(self.engine(), self.pre(), state, Phase::Check)
            .await
            .map_err(|failure| failure.error)
    }
}
