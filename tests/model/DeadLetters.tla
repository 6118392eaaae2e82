---------------------------- MODULE DeadLetters ----------------------------
(* The default dead-letter file: commit protocol, rule 11.

   <commit id>.tmp is synced before the attempt and renamed after the commit; at start, what is left
   over is settled. Every epoch has one dead letter, and each process has its own disk. *)
EXTENDS Naturals, Sequences, FiniteSets, TLC

CONSTANTS
  Procs, N, MaxCid,
  Rule   \* "position": a leftover stays while the stored position is its begin; past that it is published
         \*   if the home's history holds its commit id, else removed
         \* "stored": published if its commit id is the stored one, else removed (planted)

VARIABLES home, hist, disk, ps, net, ncid
vars == <<home, hist, disk, ps, net, ncid>>

Idle == [st |-> "down", pos |-> 0, end |-> 0, cid |-> 0]
Up == [Idle EXCEPT !.st = "up"]

Init ==
  /\ home = [ver |-> 0, pos |-> 0, cid |-> 0] /\ hist = {}
  /\ disk = [c \in 1..MaxCid |-> [st |-> "no", p |-> 0, beg |-> 0]]
  /\ ps = [p \in Procs |-> Idle] /\ net = {} /\ ncid = 0

SetP(p, r) == ps' = [ps EXCEPT ![p] = r]

Settled(c) ==
  CASE Rule = "stored" -> [disk[c] EXCEPT !.st = IF home.cid = c THEN "final" ELSE "removed"]
    [] OTHER -> IF home.pos = disk[c].beg THEN disk[c]
                ELSE [disk[c] EXCEPT !.st = IF c \in hist THEN "final" ELSE "removed"]

Start(p) ==
  /\ ps[p].st = "down"
  /\ disk' = [c \in 1..MaxCid |-> IF disk[c].st = "tmp" /\ disk[c].p = p THEN Settled(c) ELSE disk[c]]
  /\ SetP(p, Up)
  /\ UNCHANGED <<home, hist, net, ncid>>

Stage(p) ==
  /\ ps[p].st = "up" /\ ncid < MaxCid /\ home.pos < N
  /\ \E s \in 1..2 :
       /\ home.pos + s <= N
       /\ SetP(p, [st |-> "staged", pos |-> home.pos, end |-> home.pos + s, cid |-> ncid + 1])
  /\ ncid' = ncid + 1
  /\ disk' = [disk EXCEPT ![ncid + 1] = [st |-> "tmp", p |-> p, beg |-> home.pos]]
  /\ UNCHANGED <<home, hist, net>>

Send(p) ==
  /\ ps[p].st = "staged" /\ home.pos = ps[p].pos
  /\ net' = net \cup {[c |-> ps[p].cid, ver |-> home.ver + 1, end |-> ps[p].end]}
  /\ SetP(p, [ps[p] EXCEPT !.st = "sent"])
  /\ UNCHANGED <<home, hist, disk, ncid>>

Land(m) ==
  /\ m.ver = home.ver + 1
  /\ home' = [ver |-> m.ver, pos |-> m.end, cid |-> m.c] /\ hist' = hist \cup {m.c}
  /\ net' = {x \in net : x.ver > m.ver}
  /\ UNCHANGED <<disk, ps, ncid>>

ReadBack(p) ==
  /\ ps[p].st \in {"staged", "sent"}
  /\ CASE home.pos = ps[p].pos -> SetP(p, [ps[p] EXCEPT !.st = "staged"]) /\ UNCHANGED disk
       [] home.cid = ps[p].cid /\ home.pos = ps[p].end
            -> SetP(p, Up) /\ disk' = [disk EXCEPT ![ps[p].cid].st = "final"]
       [] OTHER     \* no longer ours, though it may have landed and been built upon
            -> /\ SetP(p, Up)
               /\ disk' = [disk EXCEPT ![ps[p].cid].st =
                             IF Rule = "position" /\ ps[p].cid \in hist THEN "final" ELSE "removed"]
  /\ UNCHANGED <<home, hist, net, ncid>>

Crash(p) == ps[p].st # "down" /\ SetP(p, Idle) /\ UNCHANGED <<home, hist, disk, net, ncid>>

Next ==
  \/ \E p \in Procs : Start(p) \/ Stage(p) \/ Send(p) \/ ReadBack(p) \/ Crash(p)
  \/ \E m \in net : Land(m)

\* No dead letter of a committed epoch is removed; none of an uncommitted one is published.
Kept == \A c \in hist : disk[c].st \in {"tmp", "final"}
Real == \A c \in 1..MaxCid : disk[c].st = "final" => c \in hist
=============================================================================
