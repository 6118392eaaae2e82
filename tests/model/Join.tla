-------------------------------- MODULE Join --------------------------------
(* One committer per process joins ready epochs of several partitions, and successive ones of the
   same partition, into one commit: commit protocol, rule 12. *)
EXTENDS Naturals, Sequences, FiniteSets, TLC

CONSTANTS
  Procs, Parts, N, MaxCid,
  Check,     \* each epoch against "chained": what those before it in the join leave
             \* | "snapshot": the snapshot alone (planted)
  CidOf,     \* "epoch": the commit id is the epoch's, for ever | "join": new at each join (planted)
  Successor, \* TRUE: an epoch is done when a later one of its partition from the same process is stored
  Base       \* "cas" | "rebase": a refused join is moved to the new version as checked before (planted)

VARIABLES home, ps, net, ncid, lost
vars == <<home, ps, net, ncid, lost>>

Idle == [ready |-> <<>>, sent |-> <<>>, ver |-> 0]
Zero == [x \in Parts |-> 0]

Init ==
  /\ home = [ver |-> 0, pos |-> Zero, cid |-> Zero, rows |-> [x \in Parts |-> <<>>], eps |-> {}]
  /\ ps = [p \in Procs |-> Idle] /\ net = {} /\ ncid = 0 /\ lost = {}

SetP(p, r) == ps' = [ps EXCEPT ![p] = r]

\* A task makes an epoch: from the stored position, or after one that is on its way.
EndsOf(q, x) == {q[i].end : i \in {j \in DOMAIN q : q[j].x = x}}
New(p, x) ==
  /\ ncid < MaxCid /\ Len(ps[p].ready) < 2
  /\ \E b \in {home.pos[x]} \cup EndsOf(ps[p].ready, x) \cup EndsOf(ps[p].sent, x), s \in 1..2 :
       /\ b + s <= N
       /\ SetP(p, [ps[p] EXCEPT !.ready =
                     Append(@, [x |-> x, beg |-> b, end |-> b + s, cid |-> ncid + 1, id |-> ncid + 1])])
  /\ ncid' = ncid + 1
  /\ UNCHANGED <<home, net, lost>>

RECURSIVE Admitted(_, _)
Admitted(q, pos) ==
  IF q = <<>> THEN <<>>
  ELSE LET e == Head(q)
           after == IF Check = "chained" THEN [pos EXCEPT ![e.x] = e.end] ELSE pos
       IN IF pos[e.x] = e.beg THEN <<e>> \o Admitted(Tail(q), after) ELSE Admitted(Tail(q), pos)

Ids(q) == {q[i].id : i \in DOMAIN q}

\* Epoch e, or with Successor a later one of its partition in q, is the stored one.
Mine(q, e) ==
  \E i \in DOMAIN q, j \in DOMAIN q :
    q[i].id = e /\ (i = j \/ (Successor /\ i < j)) /\ q[i].x = q[j].x /\ home.cid[q[j].x] = q[j].cid

Join(p) ==
  /\ ps[p].sent = <<>> /\ ps[p].ready # <<>>
  /\ LET f == Admitted(ps[p].ready, home.pos)
         g == IF CidOf = "join" THEN [i \in DOMAIN f |-> [f[i] EXCEPT !.cid = 100 + ncid + 1]] ELSE f
     IN /\ SetP(p, [ready |-> <<>>, sent |-> g, ver |-> home.ver + 1])
        /\ net' = IF g = <<>> THEN net ELSE net \cup {[es |-> g, ver |-> home.ver + 1]}
        /\ lost' = lost \cup {e \in Ids(ps[p].ready) : e \notin Ids(f) /\ ~Mine(ps[p].ready, e)}
        /\ ncid' = IF CidOf = "join" /\ g # <<>> THEN ncid + 1 ELSE ncid
  /\ UNCHANGED home

ReadBack(p) ==
  /\ ps[p].sent # <<>>
  /\ LET q == ps[p].sent
         Same(e) == home.pos[e.x] = e.beg
         Done(e) == home.pos[e.x] = e.end /\ home.cid[e.x] = e.cid
         Follows(e) == \E i \in DOMAIN q : q[i].x = e.x /\ q[i].end = e.beg
         Superseded(e) == Successor /\ \E i \in DOMAIN q : q[i].x = e.x /\ q[i].beg = e.end /\ Done(q[i])
         again == SelectSeq(q, LAMBDA e :
                    Same(e) \/ (Follows(e) /\ ~Done(e) /\ \E i \in DOMAIN q : q[i].x = e.x /\ Same(q[i])))
         Again(e) == \E i \in DOMAIN again : again[i] = e
     IN /\ SetP(p, [ps[p] EXCEPT !.sent = <<>>, !.ready = again \o @])
        /\ lost' = lost \cup {q[i].id : i \in {j \in DOMAIN q : ~Done(q[j]) /\ ~Superseded(q[j]) /\ ~Again(q[j])}}
  /\ UNCHANGED <<home, net, ncid>>

Crash(p) == ps[p] # Idle /\ SetP(p, Idle) /\ UNCHANGED <<home, net, ncid, lost>>

RECURSIVE Put(_, _)
Put(h, q) ==
  IF q = <<>> THEN h
  ELSE LET e == Head(q)
       IN Put([h EXCEPT !.pos[e.x] = e.end, !.cid[e.x] = e.cid, !.eps = @ \cup {e.id},
                        !.rows[e.x] = @ \o [i \in 1..(e.end - e.beg) |-> e.beg + i]], Tail(q))

Land(m) ==
  /\ (Base = "cas" => m.ver = home.ver + 1)
  /\ home' = [Put(home, m.es) EXCEPT !.ver = home.ver + 1]
  /\ net' = {n \in net \ {m} : Base = "rebase" \/ n.ver > home.ver + 1}
  /\ UNCHANGED <<ps, ncid, lost>>

Next ==
  \/ \E p \in Procs : (\E x \in Parts : New(p, x)) \/ Join(p) \/ ReadBack(p) \/ Crash(p)
  \/ \E m \in net : Land(m)

Exact == \A x \in Parts : home.rows[x] = [i \in 1..home.pos[x] |-> i]
\* What was called lost to another owner is not in the table.
NoFalseLost == lost \cap home.eps = {}

View ==
  << home.pos, home.cid, home.rows, lost \cap home.eps,
     [p \in Procs |-> [ready |-> ps[p].ready, sent |-> ps[p].sent]],
     {[m EXCEPT !.ver = m.ver - home.ver + 50] : m \in net}, ncid >>
=============================================================================
