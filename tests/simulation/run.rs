//! One seed: the processes are started, killed and started again until everything is delivered.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::watch;
use wasm_sink::pipeline::planted::Fault;
use wasm_sink::pipeline::{
    self, EpochLimits, Limits, Logic, Pipeline, Retry, Samples, Share, Start,
};
use wasm_sink_core::budget::Budget;
use wasm_sink_core::component::Writer;

use crate::component::{Defect, ModelComponent};
use crate::disk::ModelDisk;
use crate::home::destination;
use crate::source::ModelSource;
use crate::world::{Actor, Scenario, World};

/// Longer than any honest run of a seed, in virtual time.
const LIMIT: Duration = Duration::from_secs(24 * 3600);

/// How the names of components begin that are tried on some partitions.
pub const CANARY: &str = "canary";

/// What came of a seed.
pub struct Verdict {
    pub violation: Option<String>,
    pub trace: Vec<String>,
    pub steps: u64,
    /// Epochs of components that had some partitions alone, at first.
    pub canary_epochs: u64,
}

fn virtual_time() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
}

/// Runs one seed to its end.
pub fn run(scenario: Scenario, planted: Option<Fault>) -> Verdict {
    let runtime = virtual_time();
    let world = World::new(scenario);
    let driven = world.clone();
    runtime.block_on(async move {
        let finished = tokio::time::timeout(LIMIT, drive(&driven, planted)).await;
        let mut state = driven.lock();
        if state.violation.is_none() {
            match finished {
                Ok(()) => state.check_delivered(),
                Err(_) => state.violated("it never ends".to_owned()),
            }
        }
    });
    drop(runtime);
    let mut state = world.lock();
    Verdict {
        violation: state.violation.take(),
        trace: std::mem::take(&mut state.trace),
        steps: state.steps,
        canary_epochs: state.canary_epochs,
    }
}

/// Runs one life that is expected to stop by itself; why it did.
pub fn stop(scenario: Scenario) -> Option<String> {
    let runtime = virtual_time();
    let world = World::new(scenario);
    runtime.block_on(async move {
        let actor = world.lock().begin_life(0);
        let (_stop, shutdown) = watch::channel(false);
        let stopped = pipeline::run(assemble(&world, actor, shutdown, None));
        let ended = tokio::time::timeout(LIMIT, stopped).await;
        ended.ok()?.err().map(|error| error.to_string())
    })
}

async fn drive(world: &World, planted: Option<Fault>) {
    let processes = world.lock().scenario.processes;
    let has_group = world.lock().scenario.has_group;
    let lives = (0..processes).map(|process| live(world.clone(), process, planted));
    let all = futures::future::join_all(lives);
    let rebalances = async {
        loop {
            if !has_group {
                return std::future::pending::<()>().await;
            }
            let wait = world.lock().rng.u64(1..2_000);
            tokio::time::sleep(Duration::from_millis(wait)).await;
            let mut state = world.lock();
            if state.goes_wrong(3) {
                state.rebalance();
            }
            state.hand_out();
        }
    };
    let violated = async {
        while world.lock().violation.is_none() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::select! {
        biased;
        _ = all => {}
        () = violated => {}
        () = rebalances => {}
    }
}

/// One process: life follows life until all is delivered.
async fn live(world: World, process: usize, planted: Option<Fault>) {
    loop {
        let delivered = world.lock().is_delivered();
        let actor = world.lock().begin_life(process);
        let ended = one_life(&world, actor, planted).await;
        world.lock().members[process].is_alive = false;
        // The last life began after everything was in, and settled what others left.
        if delivered && ended {
            return;
        }
        let wait = world.lock().rng.u64(1..5_000);
        tokio::time::sleep(Duration::from_millis(wait)).await;
    }
}

/// Whether it ended by itself and well.
async fn one_life(world: &World, actor: Actor, planted: Option<Fault>) -> bool {
    let (stop, shutdown) = watch::channel(false);
    let pipeline = assemble(world, actor, shutdown, planted);
    let swapping = swap(world, actor, pipeline.logic.clone());
    let pipeline = pipeline::run(pipeline);
    tokio::pin!(pipeline);
    let killed = async {
        loop {
            let rung = world.bell.notified();
            if !world.lock().is_alive(actor) {
                return;
            }
            rung.await;
        }
    };
    let stopping = async {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if world.lock().scenario.has_group && world.lock().is_delivered() {
                let _ = stop.send(true);
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        biased;
        () = killed => false,
        result = &mut pipeline => {
            let mut state = world.lock();
            match result {
                Ok(_) => {
                    state.note(actor, "END");
                    true
                }
                Err(error) => {
                    state.note(actor, &format!("STOP {error}"));
                    false
                }
            }
        }
        () = stopping => false,
        () = swapping => false,
    }
}

/// Replaces the component now and then, also by one that fails.
async fn swap(world: &World, actor: Actor, logic: Logic) {
    loop {
        let longest = world.lock().rng.choice([100, 1_500]).unwrap_or(100);
        let wait = world.lock().rng.u64(1..longest);
        tokio::time::sleep(Duration::from_millis(wait)).await;
        if world.lock().swaps_left == 0 {
            return std::future::pending().await;
        }
        let choice = world.lock().rng.u64(..4);
        let is_canary = choice == 0;
        let component = {
            let mut state = world.lock();
            state.swaps_left -= 1;
            let defect = state.rng.choice(Defect::ALL).filter(|_| state.rng.bool());
            let how = if is_canary { CANARY } else { "swapped" };
            let new = format!("{how}-{}", state.swaps_left);
            let same = || "first".to_owned();
            // Another component, another configuration of the same one, or both.
            let (component, configuration) = match state.rng.u8(..3) {
                0 => (new, same()),
                1 => (same(), new),
                _ => (new.clone(), new),
            };
            let writer = Writer {
                component,
                configuration,
            };
            state.note(actor, &format!("SWAP to {writer:?} {defect:?}"));
            ModelComponent {
                writer,
                defect,
                ..ModelComponent::first(world, actor)
            }
        };
        let mut defect = component.defect;
        let epochs = world.lock().rng.u64(1..4);
        let component = Arc::new(component);
        let replacement = match (logic.canary().is_some(), choice) {
            (true, 1..3) => {
                // That was another one's.
                defect = None;
                logic.promote(epochs)
            }
            (true, _) => {
                logic.withdraw();
                continue;
            }
            (false, _) if is_canary => {
                let share = Share::of_percent(30.0).unwrap();
                logic.try_on_some(component, share, epochs)
            }
            (false, _) => logic.replace(component, epochs),
        };
        let Some(mut replacement) = replacement else {
            world.lock().note(actor, "there is a swap under way");
            continue;
        };
        // Some wait, others press on.
        if world.lock().rng.bool() {
            replacement.taken_over().await;
        }
        if world.lock().rng.bool() {
            let verdict = replacement.verdict().await;
            let mut state = world.lock();
            state.note(actor, &format!("{verdict:?}"));
            if defect.is_some()
                && matches!(verdict, pipeline::Verdict::Kept | pipeline::Verdict::Going)
            {
                state.violated("a component with a defect was kept".to_owned());
            }
        }
    }
}

fn assemble(
    world: &World,
    actor: Actor,
    shutdown: watch::Receiver<bool>,
    planted: Option<Fault>,
) -> Pipeline {
    let state = world.lock();
    let epoch = EpochLimits {
        max_rows: state.scenario.max_epoch_rows,
        ..EpochLimits::default()
    };
    let limits = Limits {
        tasks: state.scenario.tasks.try_into().unwrap(),
        ..Limits::default()
    };
    drop(state);
    Pipeline {
        name: "model".into(),
        source: Box::new(ModelSource::new(world.clone(), actor)),
        logic: Logic::new(Arc::new(ModelComponent::first(world, actor))),
        samples: Samples::default(),
        destinations: destination(world, actor).into(),
        epoch,
        limits,
        retry: Retry::default(),
        budget: Budget::new(1 << 20),
        state: Arc::new(ModelDisk {
            world: world.clone(),
            actor,
        }),
        entropy: Arc::new(world.clone()),
        observer: Arc::new(()),
        start: Start::Resume,
        shutdown,
        planted,
    }
}
