-- Faults that the simulator must find. Each is a list of changes to the protocol's source: a file, a text and its
-- replacement. Where another mechanism would hide a fault, the fault removes that mechanism, too. `first`: a seed from
-- which the fault is soon found.
return {
  {
    name = "claims are not voided by a change",
    -- The members' agreement on the claims ("ready") would cover it.
    { "claiming", "self.claims, self.ready, self.ready_sent = {}, {}, nil",
      "self.claims, self.ready = self.claims or {}, {}" },
    { "claiming", "  elseif not claiming.same_ring(message.ring, self.ring) then\n    return\n", "" },
    { "claiming", "self.ready[claim.from] ~= digest", "false" },
  },
  {
    name = "a generation begins with one holder and a quorate ring",
    { "claims", "return best and vouching >= counts.needed and best or nil", "return best" },
  },
  {
    name = "a command is confirmed when it comes back",
    { "generation", "(acked[other] or 0) < least", "false" },
  },
  {
    name = "a majority of acknowledgements confirms",
    { "generation", "  return least\n", [[
  local acked = {}
  for other in pairs(self.full) do
    acked[#acked + 1] = other == address and index or self.acked[other] or 0
  end
  table.sort(acked, function(a, b) return a > b end)
  return acked[node_count.majority(self.nodes)] or 0
]] },
  },
  {
    name = "messages carry no generation",
    first = 1001,
    steps = 30,
    -- Leaving a generation in time, and the epochs and digests of acknowledgements, would cover it.
    { "claiming", "self.active and is_same_ring and not is_in", "false" },
    { "messages", "message.tag == self.active.tag", "true" },
    { "confirming", "or message.epoch < active.epoch", "" },
    { "confirming", "if is_same and", "if" },
    { "log", "return index <= self.applied or self.digests[index] == digest", "return index == index or digest" },
  },
  {
    name = "a snapshot lacks the clients' last numbers",
    { "log", "  return fields.take(snapshot, log.new(snapshot.index, hash, remembered), NUMBERS, TABLES)\n",
      "  local restored = fields.take(snapshot, log.new(snapshot.index, hash, remembered), NUMBERS, TABLES)\n"
      .. "  restored.last, restored.used = {}, {}\n  return restored\n" },
  },
  {
    name = "a snapshot is not of the place of the learner's claim",
    -- The digests of logs would cover it.
    { "learning", "queue = awaiting.queue", "queue = {}" },
    { "log", "return index <= self.applied or self.digests[index] == digest", "return index == index or digest" },
  },
  {
    name = "a learner takes events before those that it still replays",
    { "messages",
      "  elseif self.replaying then\n    learning.keep_for_replay(self, { from = from, message = message })", "" },
    { "log", "return index <= self.applied or self.digests[index] == digest", "return index == index or digest" },
  },
  {
    name = "acknowledgements count in later epochs",
    first = 401,
    { "confirming", "or message.epoch < active.epoch", "" },
    { "confirming", "if is_same and", "if" },
    { "generation", "return self.established == self.epoch", "return true" },
    { "generation", "self.present, self.acked, self.lagging = {}, {}, {}", "self.lagging = {}" },
  },
  {
    name = "two processes of a node count twice",
    { "generation", "count, found[node] = count + (found[node] and 0 or 1), true",
      "count, found[node] = count + 1, true" },
    { "claim_list", "if test(claim) and not found[node] then", "if test(claim) then" },
  },
  {
    name = "an old process speaks for its node",
    first = 401,
    { "claims", "claim.generation and claim.standing\n", "claim.generation\n" },
  },
  {
    name = "a node's note of its newest generation does not count",
    first = 24301,
    { "protocol", "  standing.on_note(self, view.noted)\n", "" },
  },
  {
    name = "a fresh start repeats indices",
    { "claims", "may_lose, index = claim_list.greatest(voters, \"floor\")", "may_lose, index = 0" },
  },
  {
    name = "a majority without a state starts afresh",
    first = 1601,
    steps = 30,
    { "claims", "(are_all_known or not noted)", "true" },
  },
  {
    name = "a member takes part in an earlier generation than it has promised",
    first = 1601,
    steps = 30,
    -- Members that leave that generation would cover it.
    { "claiming", "self.active and is_same_ring and not is_in", "false" },
    { "generation_number", "return promised ~= nil and", "return false and" },
  },
  {
    name = "a member acknowledges before its storage is synced",
    { "storing", 'self:emit("sync", self.mark, self.log.index)', "self.mark.index = self.log.index" },
  },
  {
    name = "a member counts itself before its storage is synced",
    first = 101,
    { "storing", "self.durable and self.mark.index or", "" },
  },
  {
    name = "stored commands are not replayed",
    { "storing", "ipairs(stored.entries)", "ipairs {}" },
  },
  {
    name = "generations begin anew with the number of the ring",
    first = 3801,
    steps = 30,
    { "claims", "seq = last.seq, round = last.round + 1",
      "seq = ring.seq, round = (last.seq == ring.seq and last.round or 0) + 1" },
  },
  {
    name = "a smaller number of nodes counts as soon as one member says so",
    first = 8661,
    { "generation", "nodes = math.max(nodes, (self.announced[address] or self).nodes)",
      "nodes = math.min(self.nodes, nodes > 0 and nodes or 99, (self.announced[address] or self).nodes)" },
  },
  {
    name = "a smaller number of nodes counts when the others can be a majority of the greater one",
    first = 28901,
    { "generation", "is_in_each_majority(self) and 0 or self.nodes", "0" },
  },
  {
    name = "a claim lacks the number of nodes that its state was confirmed with",
    first = 3401,
    { "claiming", "state and self.nodes or 0", "0" },
  },
  {
    name = "a promise is not stored",
    first = 1701,
    { "storing", ", ready = true", "" },
  },
  {
    name = "a member stays in a generation when others begin the next one",
    first = 1601,
    { "claiming", "self.active and is_same_ring and not is_in", "false" },
  },
  {
    name = "a node on the ring counts as empty although a member of it is silent",
    first = 201,
    { "known_nodes", "and not claimed[node] and not unknown[node]", "and not claimed[node]" },
  },
  {
    name = "a node without members counts as empty although it may have a stored state",
    first = 1701,
    { "known_nodes", "(is_stored and 0 or count_empty(voters, unknown))", "count_empty(voters, unknown)" },
  },
  {
    name = "members forget that others had storage",
    first = 4801,
    { "claim_list", "    if generation.stored then\n", "    if false then\n" },
  },
  {
    name = "a node vouches for a state although it has noted a later generation",
    { "claims", "noted ~= nil and (difference < 0 or difference == 0 and not best.partial)", "noted ~= nil" },
  },
  {
    name = "a node with a silent member vouches for a state by its note",
    first = 4501,
    { "claims", "not counts.unknown[node_count.node_of(claim.from)] and has_noted", "has_noted" },
  },
}
