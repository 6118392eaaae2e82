//! The admin servers: one for each address that is named, with the pipelines that name it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::watch;
use wasm_sink_core::{Blame, Error, Kind, Result};

use super::Admin;
use crate::config::Pipeline;
use crate::metrics::Metrics;

/// Serve until this is dropped.
pub(crate) struct Served(#[expect(dead_code, reason = "its drop is the end")] watch::Sender<()>);

/// Takes the ports, and serves.
pub(crate) async fn serve(pipelines: &[(Pipeline, Arc<Metrics>)]) -> Result<Served> {
    let (stop, stopped) = watch::channel(());
    let mut addresses: BTreeMap<SocketAddr, Vec<&(Pipeline, Arc<Metrics>)>> = BTreeMap::new();
    let mut admins = Vec::new();
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
        tokio::spawn(admin.serve(metrics, async move {
            // Its end is the drop of the sender.
            let _ = stopped.changed().await;
        }));
    }
    Ok(Served(stop))
}
