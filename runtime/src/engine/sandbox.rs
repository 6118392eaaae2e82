//! A store with one instance in it, and its exported functions under all limits.

use wasm_sink_core::component::Failure;
use wasm_sink_core::guest::{Batch, wit};
use wasmtime::Store;
use wasmtime::component::Resource;

use super::bindings::{Problem, SinkComponent, SinkComponentPre};
use super::deadline::{self, RunMeter};
use super::outcome::{self, Call};
use super::state::{Phase, State};

/// Fuel is an account and no limit: nothing runs for so long.
const FULL: u64 = u64::MAX;

/// One instance. After a failure it is of no further use.
pub(super) struct Sandbox {
    store: Store<State>,
    sink: SinkComponent,
}

impl Sandbox {
    /// Starts an instance for `phase`; only [`Phase::Check`] and [`Phase::Open`] make sense.
    pub(super) async fn start(
        engine: &wasmtime::Engine,
        pre: &SinkComponentPre<State>,
        mut state: State,
        phase: Phase,
    ) -> Result<Self, Failure> {
        state.enter(phase);
        let mut store = Store::new(engine, state);
        if super::limits::are_enforced() {
            store.limiter(|state| &mut state.limiter);
        }
        deadline::install(&mut store);
        // Refused by an engine that does not count.
        let _ = store.set_fuel(FULL);
        let meter = deadline::restart(&mut store);
        match meter.measure(pre.instantiate_async(&mut store)).await {
            Ok(sink) => Ok(Self { store, sink }),
            Err(error) => Err(outcome::trapped(store.data_mut(), Call::Instantiate, error)),
        }
    }

    pub(super) fn state(&mut self) -> &mut State {
        self.store.data_mut()
    }

    pub(super) fn wish(&self) -> Option<tokio::time::Instant> {
        self.store.data().wish
    }

    /// What calls have taken since this was asked last.
    pub(super) fn take_fuel(&mut self) -> u64 {
        let left = self.store.get_fuel().unwrap_or(FULL);
        let _ = self.store.set_fuel(FULL);
        FULL - left
    }

    /// The next call has its whole time, and answers for itself alone.
    fn prepare(&mut self) -> RunMeter {
        let meter = deadline::restart(&mut self.store);
        let state = self.store.data_mut();
        state.limiter.reset();
        state.log.forget_last_words();
        meter
    }

    pub(super) async fn config_schema(&mut self) -> Result<String, Failure> {
        let meter = self.prepare();
        let sink = self.sink.wasm_sink_sink_sink();
        let answer = meter
            .measure(sink.call_config_schema(&mut self.store))
            .await;
        answer.map_err(|error| outcome::trapped(self.state(), Call::ConfigSchema, error))
    }

    pub(super) async fn validate(&mut self, config: &str) -> Result<Vec<Problem>, Failure> {
        let meter = self.prepare();
        let sink = self.sink.wasm_sink_sink_sink();
        let answer = meter
            .measure(sink.call_validate(&mut self.store, config))
            .await;
        answer.map_err(|error| outcome::trapped(self.state(), Call::Validate, error))
    }

    pub(super) async fn open(&mut self, config: &str) -> Result<(), Failure> {
        let meter = self.prepare();
        let sink = self.sink.wasm_sink_sink_sink();
        let answer = meter.measure(sink.call_open(&mut self.store, config)).await;
        self.settle(Call::Open, answer)
    }

    pub(super) async fn write(&mut self, rows: Resource<Batch>) -> Result<(), Failure> {
        let meter = self.prepare();
        let sink = self.sink.wasm_sink_sink_sink();
        let answer = meter.measure(sink.call_write(&mut self.store, rows)).await;
        self.settle(Call::Write, answer)
    }

    pub(super) async fn flush(&mut self) -> Result<(), Failure> {
        let meter = self.prepare();
        let sink = self.sink.wasm_sink_sink_sink();
        let answer = meter.measure(sink.call_flush(&mut self.store)).await;
        self.settle(Call::Flush, answer)
    }

    fn settle(
        &mut self,
        call: Call,
        answer: wasmtime::Result<Result<(), wit::Error>>,
    ) -> Result<(), Failure> {
        let state = self.store.data_mut();
        state.usage.called(state.limiter.bytes(), state.meter.ran());
        outcome::settle(state, call, answer)
    }
}
