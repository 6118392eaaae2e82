//! What every destination must do.

pub mod batches;
pub mod changed;
pub mod crash;
pub mod cut;
pub mod disk;
pub mod generated;
pub mod hostile;
pub mod input;
pub mod modes;
pub mod names;
pub mod owners;
pub mod refused;
pub mod routes;
pub mod upsert;
pub mod values;
pub mod widen;

/// The tests of one destination, in its own module: those that all must pass, and those for what it
/// is beside (`tabular`; `shared` or `exclusive`; `on_disk`, `wired`, `restartable`, `refusing`, `routing`,
/// `routing_upserts`, `upserting`, `widening`).
#[macro_export]
macro_rules! suite {
    ($kit:ty $(, $also:ident)*) => {
        $crate::tests! { $kit:
            batches::a_million_rows_at_once,
            batches::five_hundred_columns,
            batches::little_memory,
            batches::nothing_but_dead_letters,
            batches::one_row_at_a_time,
            batches::values_by_their_places_in_a_list,
            changed::another_configuration_takes_over,
            crash::at_every_step,
            crash::at_random_instants,
            generated::a_million_rows_arrive_with_their_values,
            generated::an_instance_for_each_epoch_makes_no_difference,
            generated::two_tasks_deliver_each_row_once,
            hostile::a_component_that_always_traps_stops_the_pipeline,
            hostile::a_component_that_hangs_is_ended,
            hostile::a_component_that_keeps_silent_about_its_rows_stops_the_pipeline,
            hostile::a_component_that_swallows_a_refusal_stops_the_pipeline,
            hostile::dead_letters_that_are_delivered_again_arrive_once,
            hostile::rows_that_trap_are_dead_letters,
            hostile::rows_that_trap_once_they_are_staged_are_dead_letters,
            modes::a_second_run_adds_what_is_new,
            modes::a_signal_finishes_what_was_begun,
            names::columns_that_attack,
            values::what_does_not_fit_is_refused_alone,
        }
        $($crate::$also! { $kit })*
    };
}

/// Beside that, where rows go into tables, which have names of any kind, and columns of their own with types.
#[macro_export]
macro_rules! tabular {
    ($kit:ty) => {
        $crate::tests! { $kit:
            modes::older_rows_go_once,
            modes::rows_of_ones_own_stay,
            modes::columns_come_later,
            names::tables_that_attack,
            values::columns_that_are_there_take_what_fits,
            values::every_type_at_its_extremes,
            values::times_after_the_year_9999,
        }
    };
}

/// Beside that, where several processes may write.
#[macro_export]
macro_rules! shared {
    ($kit:ty) => {
        $crate::tests! { $kit:
            owners::of_two_processes_one_stops,
            owners::a_process_that_wakes_late_changes_nothing,
        }
    };
}

/// Beside that, where one process has all to itself.
#[macro_export]
macro_rules! exclusive {
    ($kit:ty) => {
        $crate::tests! { $kit: owners::a_second_process_is_told_who_writes }
    };
}

/// Beside that, for what is in a folder.
#[macro_export]
macro_rules! on_disk {
    ($kit:ty) => {
        $crate::tests! { $kit:
            disk::a_disk_that_fills_up,
            disk::a_disk_that_is_given_room_while_the_run_waits,
            disk::a_disk_that_is_read_only,
        }
    };
}

/// Beside that, where rows can take the place of others.
#[macro_export]
macro_rules! upserting {
    ($kit:ty) => {
        $crate::tests! { $kit:
            upsert::the_last_row_of_a_key_stays,
            upsert::keys_alone_are_there_once,
            upsert::the_last_row_stays_under_kills,
            upsert::two_tasks_write_to_the_same_keys,
        }
    };
}

/// Beside that, where a pipeline may have several tables.
#[macro_export]
macro_rules! routing {
    ($kit:ty) => {
        $crate::tests! { $kit:
            routes::each_topic_goes_where_its_route_says,
            routes::topics_without_a_route_are_dead_letters,
            routes::two_routes_lead_to_one_table,
            routes::tables_agree_under_kills,
            routes::mistakes_are_found_before_the_start,
        }
    };
}

/// Beside that, where rows of one such table may take the place of others.
#[macro_export]
macro_rules! routing_upserts {
    ($kit:ty) => {
        $crate::tests! { $kit: routes::a_route_may_replace_rows }
    };
}

/// Beside that, where columns can hold more later.
#[macro_export]
macro_rules! widening {
    ($kit:ty) => {
        $crate::tests! { $kit:
            widen::columns_become_what_holds_both,
            widen::without_it_columns_stay,
            widen::an_epoch_that_has_rows_goes_on,
            widen::rows_are_there_once_under_kills,
            widen::two_tasks_widen_one_column,
            widen::what_the_database_refuses_stops_the_pipeline,
        }
    };
}

/// Beside that, for what is across a network.
#[macro_export]
macro_rules! wired {
    ($kit:ty) => {
        $crate::tests! { $kit:
            cut::a_wire_that_is_blocked_holds_the_source,
            cut::answers_to_commits_are_lost,
            cut::commits_are_cut_off,
        }
    };
}

/// Beside that, where the server can go away.
#[macro_export]
macro_rules! restartable {
    ($kit:ty) => {
        $crate::tests! { $kit: cut::the_server_goes_away_and_comes_back }
    };
}

/// Beside that, where rows can be refused that the host lets pass.
#[macro_export]
macro_rules! refusing {
    ($kit:ty) => {
        $crate::tests! { $kit:
            refused::one_row_of_ten_thousand,
            refused::one_row_under_kills,
        }
    };
}

/// A test for each generic function.
#[macro_export]
macro_rules! tests {
    ($kit:ty: $($topic:ident::$test:ident),+ $(,)?) => {
        $(#[test]
        fn $test() {
            $crate::suite::$topic::$test::<$kit>();
        })+
    };
}
