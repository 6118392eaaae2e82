//! The admin servers: one for each address that is named, with the pipelines that name it.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use wasm_sink_core::{Blame, Error, Kind, Result};

use super::Admin;
use crate::config::Pipeline;
use crate::metrics::Metrics;

/// Answers that are under way at the end may take so long.
const PATIENCE: Duration = Duration::from_secs(1);

/// Serve until this is dropped.
pub(crate) struct Served {
    stop: watch::Sender<()>,
    servers: JoinSet<io::Result<()>>,
}

impl Served {
    /// The ports are free after it.
    pub(crate) async fn closed(mut self) {
        drop(self.stop);
        let ended = async { while self.servers.join_next().await.is_some() {} };
        // Whoever is slow to take an answer does not keep a pipeline from its end.
        let _ = timeout(PATIENCE, ended).await;
        self.servers.shutdown().await;
    }
}

/// Takes the ports, and serves.
pub(crate) async fn serve(pipelines: &[(Pipeline, Arc<Metrics>)]) -> Result<Served> {
    let (stop, stopped) = watch::channel(());
    let mut addresses: BTreeMap<SocketAddr, Vec<&(Pipeline, Arc<Metrics>)>> = BTreeMap::new();
    let (mut admins, mut servers) = (Vec::new(), JoinSet::new());
    for named in pipelines {
        match &named.0.admin {
            // Each gets a port of its own.
            Some(admin) if admin.address.port() == 0 => admins.push((admin, vec![named])),
            Some(admin) => addresses.entry(admin.address).or_default().push(named),
            None => {}
        }
    }
    for (address, named) in addresses {
        let asked: Vec<_> = named
            .iter()
            .filter_map(|(one, _)| one.admin.as_ref())
            .collect();
        let Some(first) = asked.first() else {
            continue;
        };
        if asked.iter().any(|admin| admin.token != first.token) {
            let message = format!(
                "pipelines that share the address {address} of [admin] ask for different tokens"
            );
            return Err(Error::new(Kind::Invalid, Blame::Configuration, message));
        }
        admins.push((first, named));
    }
    for (admin, named) in admins {
        let admin = Admin::bind(admin).await?;
        let names: Vec<_> = named.iter().map(|(one, _)| one.name.as_str()).collect();
        if let Ok(address) = admin.address() {
            tracing::info!(
                %address,
                pipelines = names.join(", "),
                "serving the status page, /status, /metrics and /health"
            );
        }
        let metrics = named
            .iter()
            .map(|(_, metrics)| Arc::clone(metrics))
            .collect();
        let mut stopped = stopped.clone();
        servers.spawn(admin.serve(metrics, async move {
            // Its end is the drop of the sender.
            let _ = stopped.changed().await;
        }));
    }
    Ok(Served { stop, servers })
}
