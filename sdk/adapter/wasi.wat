;; What compilers for WASI preview 1 (Go, C) link against, for a place that has none of it. A sink sees no clock, no
;; chance and no files, so that the same rows give the same output; what it prints becomes lines of the log. A
;; component that is made with this imports nothing of WASI.
;;
;; Signatures and layouts: the witx of wasi_snapshot_preview1,
;; <https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md>.
(module
  (import "env" "memory" (memory 0))
  ;; level (of `wasm-sink:sink/log`: 1 info, 3 error), message
  (import "wasm-sink:sink/log@0.1.0" "write" (func $log (param i32 i32 i32)))

  ;; Nanoseconds since 1970, which is when it begins: a microsecond per read, as long as is asked for per sleep.
  (global $time_ns (mut i64) (i64.const 0))
  ;; Of splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014): the same in each
  ;; instance.
  (global $seed (mut i64) (i64.const 0x5EED))

  (func (export "clock_time_get") (param $clock i32) (param $precision i64) (param $time i32) (result i32)
    (global.set $time_ns (i64.add (global.get $time_ns) (i64.const 1000)))
    (i64.store (local.get $time) (global.get $time_ns))
    (i32.const 0))

  (func (export "random_get") (param $to i32) (param $length i32) (result i32) (local $z i64)
    (block $done (loop $next
      (br_if $done (i32.eqz (local.get $length)))
      (global.set $seed (i64.add (global.get $seed) (i64.const 0x9E3779B97F4A7C15)))
      (local.set $z (global.get $seed))
      (local.set $z (i64.mul (i64.xor (local.get $z) (i64.shr_u (local.get $z) (i64.const 30))) (i64.const 0xBF58476D1CE4E5B9)))
      (local.set $z (i64.mul (i64.xor (local.get $z) (i64.shr_u (local.get $z) (i64.const 27))) (i64.const 0x94D049BB133111EB)))
      (i64.store8 (local.get $to) (i64.xor (local.get $z) (i64.shr_u (local.get $z) (i64.const 31))))
      (local.set $to (i32.add (local.get $to) (i32.const 1)))
      (local.set $length (i32.sub (local.get $length) (i32.const 1)))
      (br $next)))
    (i32.const 0))

  ;; Each buffer is a line, or several; the end of the line goes.
  (func (export "fd_write") (param $fd i32) (param $buffers i32) (param $count i32) (param $written i32) (result i32)
    (local $sum i32) (local $from i32) (local $length i32)
    (if (i32.gt_u (i32.sub (local.get $fd) (i32.const 1)) (i32.const 1)) (then (return (i32.const 8))))
    (block $done (loop $next
      (br_if $done (i32.eqz (local.get $count)))
      (local.set $from (i32.load (local.get $buffers)))
      (local.set $length (i32.load offset=4 (local.get $buffers)))
      (local.set $sum (i32.add (local.get $sum) (local.get $length)))
      (if (local.get $length) (then
        (if (i32.eq (i32.load8_u (i32.sub (i32.add (local.get $from) (local.get $length)) (i32.const 1))) (i32.const 10))
          (then (local.set $length (i32.sub (local.get $length) (i32.const 1)))))))
      (if (local.get $length) (then
        (call $log
          (select (i32.const 1) (i32.const 3) (i32.eq (local.get $fd) (i32.const 1)))
          (local.get $from) (local.get $length))))
      (local.set $buffers (i32.add (local.get $buffers) (i32.const 8)))
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (br $next)))
    (i32.store (local.get $written) (local.get $sum))
    (i32.const 0))

  ;; A terminal that is written to (filetype 2, rights of fd_write): lines come when they end, not when a buffer is full.
  (func (export "fd_fdstat_get") (param $fd i32) (param $stat i32) (result i32)
    (if (i32.gt_u (i32.sub (local.get $fd) (i32.const 1)) (i32.const 1)) (then (return (i32.const 8))))
    (i64.store (local.get $stat) (i64.const 2))
    (i64.store offset=8 (local.get $stat) (i64.const 64))
    (i64.store offset=16 (local.get $stat) (i64.const 0))
    (i32.const 0))

  ;; The first of what is waited for has come: an event of 32 bytes with its userdata and type. A clock's time comes by
  ;; being waited for.
  (func (export "poll_oneoff") (param $subscriptions i32) (param $events i32) (param $count i32) (param $come i32) (result i32)
    (local $until i64)
    (if (i32.eqz (local.get $count)) (then (return (i32.const 28))))
    (memory.fill (local.get $events) (i32.const 0) (i32.const 32))
    (i64.store (local.get $events) (i64.load (local.get $subscriptions)))
    (i32.store8 offset=10 (local.get $events) (i32.load8_u offset=8 (local.get $subscriptions)))
    (if (i32.eqz (i32.load8_u offset=8 (local.get $subscriptions))) (then
      (local.set $until (i64.load offset=24 (local.get $subscriptions)))
      (if (i32.eqz (i32.and (i32.load16_u offset=40 (local.get $subscriptions)) (i32.const 1)))
        (then (local.set $until (i64.add (global.get $time_ns) (local.get $until)))))
      (if (i64.gt_u (local.get $until) (global.get $time_ns)) (then (global.set $time_ns (local.get $until))))))
    (i32.store (local.get $come) (i32.const 1))
    (i32.const 0))

  (func (export "sched_yield") (result i32) (i32.const 0))
  (func (export "proc_exit") (param $code i32) (unreachable))

  ;; No arguments, no environment.
  (func (export "args_get") (param i32 i32) (result i32) (i32.const 0))
  (func (export "args_sizes_get") (param $count i32) (param $bytes i32) (result i32)
    (i32.store (local.get $count) (i32.const 0))
    (i32.store (local.get $bytes) (i32.const 0))
    (i32.const 0))
  (func (export "environ_get") (param i32 i32) (result i32) (i32.const 0))
  (func (export "environ_sizes_get") (param $count i32) (param $bytes i32) (result i32)
    (i32.store (local.get $count) (i32.const 0))
    (i32.store (local.get $bytes) (i32.const 0))
    (i32.const 0))

  ;; There are no files, no sockets and no signals: "bad descriptor", as any that is not open.
  (func (export "clock_res_get") (param i32 i32) (result i32) (i32.const 8))
  (func (export "fd_advise") (param i32 i64 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_allocate") (param i32 i64 i64) (result i32) (i32.const 8))
  (func (export "fd_close") (param i32) (result i32) (i32.const 8))
  (func (export "fd_datasync") (param i32) (result i32) (i32.const 8))
  (func (export "fd_fdstat_set_flags") (param i32 i32) (result i32) (i32.const 8))
  (func (export "fd_fdstat_set_rights") (param i32 i64 i64) (result i32) (i32.const 8))
  (func (export "fd_filestat_get") (param i32 i32) (result i32) (i32.const 8))
  (func (export "fd_filestat_set_size") (param i32 i64) (result i32) (i32.const 8))
  (func (export "fd_filestat_set_times") (param i32 i64 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_pread") (param i32 i32 i32 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_prestat_get") (param i32 i32) (result i32) (i32.const 8))
  (func (export "fd_prestat_dir_name") (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "fd_pwrite") (param i32 i32 i32 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_read") (param i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "fd_readdir") (param i32 i32 i32 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_renumber") (param i32 i32) (result i32) (i32.const 8))
  (func (export "fd_seek") (param i32 i64 i32 i32) (result i32) (i32.const 8))
  (func (export "fd_sync") (param i32) (result i32) (i32.const 8))
  (func (export "fd_tell") (param i32 i32) (result i32) (i32.const 8))
  (func (export "path_create_directory") (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_filestat_get") (param i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_filestat_set_times") (param i32 i32 i32 i32 i64 i64 i32) (result i32) (i32.const 8))
  (func (export "path_link") (param i32 i32 i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_open") (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32) (i32.const 8))
  (func (export "path_readlink") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_remove_directory") (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_rename") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_symlink") (param i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_unlink_file") (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "sock_accept") (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "sock_recv") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "sock_send") (param i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "sock_shutdown") (param i32 i32) (result i32) (i32.const 8))
  (func (export "proc_raise") (param i32) (result i32) (i32.const 8))
)
