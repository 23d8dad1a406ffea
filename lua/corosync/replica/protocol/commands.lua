-- A member's own commands, from submit to the reply. Those that were submitted since the last flush are sent together,
-- as a batch. A batch that is sent again has the same number and the same commands.
--
-- Batches stay in `pending` until they were applied. It is a queue, from the index `oldest` to `newest`: first the
-- batches that were sent (they have a `seq`), then the others. Batches whose commands were all given up also stay,
-- because the log appends no later one before them.
local commands = {}

local BATCH = 256 -- commands
local BATCH_BYTES = 16384

-- Each process has a client id of its own, and a new one whenever the log has forgotten it.
local function client_of(self)
  return ("%s#%s#%d"):format(self.address, self.incarnation, self.resets)
end

local function set_pending(self, list)
  self.pending, self.oldest, self.newest = list, 1, #list
  self.waiting_count = 0
  for _, batch in ipairs(list) do
    self.waiting_count = self.waiting_count + #batch.list
  end
end

function commands.init(self)
  self.resets = 0
  self.client = client_of(self)
  set_pending(self, {})
  self.sent = 0 -- the number of the last batch sent
end

local function send(self, batch)
  self:send { kind = "commands", tag = self.active.tag, client = self.client, seq = batch.seq, list = batch.list }
end

-- Sends the commands that were not sent yet. A member without a generation does not know the log, so it must wait.
function commands.send_new(self)
  if not self.active then
    return
  end
  local first = self.newest + 1
  while first > self.oldest and not self.pending[first - 1].seq do
    first = first - 1
  end
  for i = first, self.newest do
    local batch = self.pending[i]
    self.sent = self.sent + 1
    batch.seq = self.sent
    send(self, batch)
  end
end

-- Whether commands were sent and not confirmed, and none waits to be sent.
function commands.are_in_flight(self)
  local newest = self.pending[self.newest]
  return newest ~= nil and newest.seq ~= nil
end

-- Most often the batch is the oldest one, and nothing needs to move.
local function remove(self, i)
  local pending = self.pending
  self.waiting_count = self.waiting_count - #pending[i].list
  for k = i, self.oldest + 1, -1 do
    pending[k] = pending[k - 1]
  end
  pending[self.oldest] = nil
  self.oldest = self.oldest + 1
end

-- A batch was applied. If it is this member's own, its callers get the results.
function commands.applied(self, applied, results, index)
  if applied.client ~= self.client then
    return
  end
  for i = self.oldest, self.newest do
    local batch = self.pending[i]
    if batch.seq == applied.seq then
      remove(self, i)
      return self:emit("reply", batch.ids, results, nil, index)
    end
  end
end

-- Returns why this client's next batch cannot follow in the log, or nil if it can. The log must know the client, or be
-- the log that the first batch was sent to and have forgotten no client since (`log_origin` and `log_forgotten` are of
-- the log that this member last sent to). And no batch whose results were returned may be missing, as after a loss of
-- the state.
local function obstacle(self, last)
  local first = self.pending[self.oldest]
  local next_seq = first and first.seq or self.sent + 1
  if not last and self.log_origin == self.log.origin and self.log_forgotten ~= self.log.forgotten then
    return "forgotten"
  elseif not last and self.log_origin ~= self.log.origin or next_seq > (last or 0) + 1 then
    return "replaced"
  end
end

-- Commands that were sent end as "uncertain"; the others will be sent under the new id. `cause`: "differed" (this
-- member has dropped its state), "forgotten" (the log has forgotten the client), "replaced" (the log is another one).
function commands.begin_as_new_client(self, cause)
  local kept = {}
  for i = self.oldest, self.newest do
    local batch = self.pending[i]
    if batch.seq then
      self:emit("reply", batch.ids, nil, "uncertain", nil, cause)
    else
      kept[#kept + 1] = batch
    end
  end
  set_pending(self, kept)
  self.resets, self.sent = self.resets + 1, 0
  self.client = client_of(self)
end

-- Ends as "applied" the commands that were applied before this member got the state, because their results are not
-- known here.
local function drop_applied(self, last)
  local kept, waiting = {}, self.log:waiting(self.client)
  for i = self.oldest, self.newest do
    local batch = self.pending[i]
    if batch.seq and batch.seq <= last and not waiting[batch.seq] then
      self:emit("reply", batch.ids, nil, "applied")
    else
      kept[#kept + 1] = batch
    end
  end
  set_pending(self, kept)
end

-- Called when a generation begins, and after this member has got the state of another one. Batches that are not in the
-- log are sent again, with the same numbers.
function commands.send_again(self)
  local last = self.log.last[self.client]
  local cause = self.sent > 0 and obstacle(self, last)
  if cause then
    commands.begin_as_new_client(self, cause)
    last = nil
  end
  self.log_origin, self.log_forgotten = self.log.origin, self.log.forgotten
  drop_applied(self, last or 0)
  for i = self.oldest, self.newest do
    local batch = self.pending[i]
    if batch.seq and batch.seq > (last or 0) then
      send(self, batch)
    end
  end
end

-- The log has refused a batch. If it is this member's own, and the log has forgotten this client, the log will refuse
-- the batches that follow, too, so they are sent under a new id. (If the log has forgotten no client, this member has
-- missed a batch, and will claim again.)
function commands.refused(self, refused)
  local has_forgotten = not self.log.last[self.client] and self.log.forgotten ~= self.log_forgotten
  if refused.client ~= self.client or not has_forgotten then
    return
  end
  for i = self.oldest, self.newest do
    local batch = self.pending[i]
    if batch.seq and batch.seq >= refused.seq then
      batch.seq = nil
    end
  end
  commands.begin_as_new_client(self, "forgotten")
end

local function has_room(batch, size)
  return batch ~= nil and not batch.seq and #batch.list < BATCH and batch.size + size <= BATCH_BYTES
end

function commands.submit(self, id, data, size)
  local batch = self.pending[self.newest]
  if not has_room(batch, size) then
    batch = { ids = {}, list = {}, size = 0 }
    self.newest = self.newest + 1
    self.pending[self.newest] = batch
  end
  local n = #batch.list + 1
  batch.ids[n], batch.list[n], batch.size = id, data, batch.size + size
  self.waiting_count = self.waiting_count + 1
end

-- Commands that were sent must stay in their batch, but lose their ids, so that their callers get no second reply.
-- Returns the ids.
local function disown(batch, ids)
  local found = {}
  for i, id in ipairs(batch.ids) do
    if ids[id] then
      found[#found + 1], batch.ids[i] = id, false
    end
  end
  return found
end

-- Takes commands out of a batch that was not sent. Returns their ids.
local function withdraw(batch, ids)
  local found, kept, list = {}, {}, {}
  for i, id in ipairs(batch.ids) do
    if ids[id] then
      found[#found + 1] = id
    else
      kept[#kept + 1], list[#list + 1] = id, batch.list[i]
    end
  end
  batch.ids, batch.list = kept, list
  return found
end

-- Ends the commands whose ids are in a set.
function commands.give_up(self, ids)
  local kept = {}
  for i = self.oldest, self.newest do
    local batch = self.pending[i]
    if batch.seq then
      self:emit("reply", disown(batch, ids), nil, "uncertain")
    else
      self:emit("reply", withdraw(batch, ids), nil, "not_ready")
    end
    kept[#kept + 1] = #batch.list > 0 and batch or nil
  end
  set_pending(self, kept)
end

return commands
