//! The modelled group: hands partitions to living members, asks for them back, or declares a
//! member dead that only stalls.

use wasm_sink_core::PartitionKey;

use crate::world::{Actor, Notice, State, key};

impl State {
    /// A member starts a new life; in a group it joins with nothing.
    pub fn begin_life(&mut self, process: usize) -> Actor {
        let member = &mut self.members[process];
        member.life += 1;
        member.is_alive = true;
        member.notices.clear();
        let actor = Actor {
            process,
            life: member.life,
        };
        self.note(actor, "START");
        // What it owned belongs to nobody: the group noticed its death.
        self.owners.retain(|_, owner| *owner != process);
        actor
    }

    /// Gives every partition without an owner to a random living member.
    pub fn hand_out(&mut self) {
        let alive: Vec<usize> = (0..self.members.len())
            .filter(|index| self.members[*index].is_alive)
            .collect();
        if alive.is_empty() {
            return;
        }
        for partition in 0..self.scenario.partitions {
            let key = key(partition);
            let is_owned = self
                .owners
                .get(&key)
                .is_some_and(|owner| self.members[*owner].is_alive);
            if !is_owned {
                let process = alive[self.rng.usize(..alive.len())];
                self.owners.insert(key.clone(), process);
                self.members[process]
                    .notices
                    .push_back(Notice::Assigned(vec![key]));
            }
        }
    }

    /// Moves one partition: politely, or by declaring its owner dead.
    pub fn rebalance(&mut self) {
        let partition = self.rng.usize(..self.scenario.partitions);
        let key = key(partition);
        let Some(owner) = self.owners.get(&key).copied() else {
            return;
        };
        if !self.members[owner].is_alive {
            return;
        }
        if self.rng.bool() {
            self.members[owner]
                .notices
                .push_back(Notice::Revoked(vec![key]));
        } else {
            self.trace.push(format!("group takes {key} from p{owner}"));
            self.owners.remove(&key);
            // What it was not told yet never was its own.
            self.members[owner]
                .notices
                .retain(|notice| !matches!(notice, Notice::Assigned(keys) if keys.contains(&key)));
            self.members[owner]
                .notices
                .push_back(Notice::Lost(vec![key]));
            self.hand_out();
        }
    }

    /// A member gave partitions back.
    pub fn released(&mut self, actor: Actor, keys: &[PartitionKey]) {
        if !self.scenario.has_group {
            return;
        }
        for key in keys {
            // Taken away before it was given back: it may be somebody else's already.
            let is_still_ours = self.owners.get(key) == Some(&actor.process)
                && !self.members[actor.process]
                    .notices
                    .iter()
                    .any(|notice| matches!(notice, Notice::Assigned(keys) if keys.contains(key)));
            if is_still_ours {
                self.owners.remove(key);
            }
        }
        self.hand_out();
    }
}
