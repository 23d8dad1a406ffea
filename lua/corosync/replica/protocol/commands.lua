-- A member's own commands, from submit to the reply. They stay in `pending`, in order, until their place in the log
-- is known: a later one cannot be appended before them. It is a queue, from the index `oldest` to `newest`: those that
-- were sent, then the others. `unanswered` has those by id whose caller has had no reply.
local commands = {}

-- A client id is new for each process, and for each time that the log has forgotten the process.
local function client_of(self)
  return ("%s#%s#%d"):format(self.address, self.incarnation, self.resets)
end

local function set_pending(self, list)
  self.pending, self.oldest, self.newest = list, 1, #list
end

function commands.init(self)
  self.resets = 0
  self.client = client_of(self)
  set_pending(self, {})
  self.unanswered = {}
  self.sent = 0 -- the number of the last one sent
end

-- Replies to the caller, once.
local function reply(self, command, result, code, index)
  if self.unanswered[command.id] == command then
    self.unanswered[command.id] = nil
    self:emit("reply", command.id, result, code, index)
  end
end

local function send(self, command)
  self:send { kind = "command", tag = self.active.tag, client = self.client, seq = command.seq, data = command.data }
end

-- Sends the commands that were not sent yet. Only a member that knows the log may do so.
function commands.send_new(self)
  if not self.active then
    return
  end
  local first = self.newest + 1
  while first > self.oldest and not self.pending[first - 1].seq do
    first = first - 1
  end
  for i = first, self.newest do
    local command = self.pending[i]
    self.sent = self.sent + 1
    command.seq = self.sent
    send(self, command)
  end
end

-- Most often it is the oldest one.
local function remove(self, i)
  local pending = self.pending
  for k = i, self.oldest + 1, -1 do
    pending[k] = pending[k - 1]
  end
  pending[self.oldest] = nil
  self.oldest = self.oldest + 1
end

-- A command was applied. If it is an own one, its caller gets the result.
function commands.applied(self, entry, result, index)
  if entry.client ~= self.client then
    return
  end
  for i = self.oldest, self.newest do
    local command = self.pending[i]
    if command.seq == entry.seq then
      remove(self, i)
      return reply(self, command, result, nil, index)
    end
  end
end

-- Whether the log is one in which the next command can follow: it knows the client, or it is the log that the first
-- command was sent to and has forgotten no client since. And no command that had its result is missing, as after a
-- loss.
local function can_go_on(self, last)
  local first = self.pending[self.oldest]
  local next_seq = first and first.seq or self.sent + 1
  local is_known = last or self.log_origin == self.log.origin and self.log_forgotten == self.log.forgotten
  return is_known and next_seq <= (last or 0) + 1
end

-- Commands that were sent end as "uncertain", the others will be sent.
function commands.begin_as_new_client(self)
  local kept = {}
  for i = self.oldest, self.newest do
    local command = self.pending[i]
    if command.seq then
      reply(self, command, nil, "uncertain")
    else
      kept[#kept + 1] = command
    end
  end
  set_pending(self, kept)
  self.resets, self.sent = self.resets + 1, 0
  self.client = client_of(self)
end

-- Removes commands that were applied before this member got the state: their results are not known here.
local function drop_applied(self, last)
  local kept, waiting = {}, self.log:waiting(self.client)
  for i = self.oldest, self.newest do
    local command = self.pending[i]
    if command.seq and command.seq <= last and not waiting[command.seq] then
      reply(self, command, nil, "applied")
    else
      kept[#kept + 1] = command
    end
  end
  set_pending(self, kept)
end

-- At the begin of a generation, and with a state from another member: commands that are not in the log are sent
-- again, with the same numbers.
function commands.send_again(self)
  local last = self.log.last[self.client]
  if self.sent > 0 and not can_go_on(self, last) then
    commands.begin_as_new_client(self)
    last = nil
  end
  self.log_origin, self.log_forgotten = self.log.origin, self.log.forgotten
  drop_applied(self, last or 0)
  for i = self.oldest, self.newest do
    local command = self.pending[i]
    if command.seq and command.seq > (last or 0) then
      send(self, command)
    end
  end
  commands.send_new(self)
end

-- The log has refused an own command because it has forgotten the client: then it has none of those that follow,
-- either. (If it has forgotten none, this member has missed a command, and will claim anew.)
function commands.refused(self, entry)
  local has_forgotten = not self.log.last[self.client] and self.log.forgotten ~= self.log_forgotten
  if entry.client ~= self.client or not has_forgotten then
    return
  end
  for i = self.oldest, self.newest do
    local command = self.pending[i]
    if command.seq and command.seq >= entry.seq then
      command.seq = nil
    end
  end
  commands.begin_as_new_client(self)
  commands.send_new(self)
end

function commands.submit(self, id, data)
  self.newest = self.newest + 1
  local command = { id = id, data = data }
  self.pending[self.newest], self.unanswered[id] = command, command
  commands.send_new(self)
end

local function place(self, command)
  for i = self.oldest, self.newest do
    if self.pending[i] == command then
      return i
    end
  end
end

function commands.give_up(self, id)
  local command = self.unanswered[id]
  if not command then
    return
  elseif command.seq then
    return reply(self, command, nil, "uncertain")
  end
  remove(self, place(self, command))
  reply(self, command, nil, "not_ready")
end

-- How many commands wait, with those whose callers were told that they are uncertain.
function commands.count(self)
  return self.newest - self.oldest + 1
end

return commands
