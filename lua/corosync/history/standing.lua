-- The events of a group that still hold: its configuration, ring and quorum, whether its replica is ready, and what the
-- member holds. A trace that continues in another file begins with them.
local standing = {}

local FIRST = { "config", "ring", "quorum", "replica" }

local note = {}

-- Nobody joins or leaves where a file begins.
function note.config(self, line)
  local own, members, left = line:match "^config (%S+) (%S+) (%S+)"
  local has_left = ("," .. left):find("," .. own .. "=", 1, true)
  self.config = not has_left and ("config %s %s - -"):format(own, members) or nil
  self.replica = not has_left and self.replica or nil
end

function note.ring(self, line) self.ring = line end

function note.quorum(self, line) self.quorum = line end

function note.ready(self, line) self.replica = line end

note.observing, note.suspended = note.ready, note.ready

function note.lost(self) self.config, self.ring, self.quorum = nil, nil, nil end

function note.locked(self, line) self.held[line:match "^locked (%S+)"] = line end

function note.unlocked(self, line) self.held[line:match "^unlocked (%S+)"] = nil end

function note.holds(self, line) self.held[line:match "^holds %S+ (%S+)"] = line end

function note.released(self, line) self.held[line:match "^released %S+ (%S+)"] = nil end

function standing.new()
  return { held = {} }
end

function standing.note(self, line)
  local noted = note[line:match "^%l+"]
  if noted then
    noted(self, line)
  end
end

function standing.lines(self)
  local lines = {}
  for _, word in ipairs(FIRST) do
    lines[#lines + 1] = self[word]
  end
  for _, line in pairs(self.held) do
    lines[#lines + 1] = line
  end
  return lines
end

return standing
