-- Bands along the lanes: configurations with their rings, times without quorum, and locks while they are held.
local bands = {}

-- `open` has, for each life, the bands that have not ended, by their key.
local function begin(self, life, key, band)
  band.life = life
  self.open[life] = self.open[life] or {}
  self.open[life][key] = band
  table.insert(self.all, band)
end

local function finish(self, life, key, event)
  local band = self.open[life] and self.open[life][key]
  if band then
    band.to, self.open[life][key] = event, nil
  end
end

local function finish_all(self, life, event)
  for key in pairs(self.open[life] or {}) do
    finish(self, life, key, event)
  end
end

local on = {}

function on.config(self, event)
  local life, own = event.life, event[2]
  finish(self, life, "config", event)
  if ("," .. event[4]):find("," .. own .. "=", 1, true) then
    return finish_all(self, life, event)
  end
  begin(self, life, "config", { kind = "config", from = event, members = event[3], ring = self.rings[life] })
end

-- A ring that follows a change of nodes belongs to its configuration.
function on.ring(self, event)
  local life = event.life
  self.rings[life] = event[2]
  local band = self.open[life] and self.open[life].config
  if band and (not self.has_delivered[band] or not band.ring) then
    band.ring = event[2]
  elseif band and band.ring ~= event[2] then
    finish(self, life, "config", event)
    begin(self, life, "config", { kind = "config", from = event, members = band.members, ring = event[2] })
  end
end

function on.message(self, event)
  local band = self.open[event.life] and self.open[event.life].config
  if band then
    self.has_delivered[band] = true
  end
end

function on.lost(self, event)
  self.rings[event.life] = nil
  finish_all(self, event.life, event)
end

-- In all groups of the process.
function on.quorum(self, event)
  for _, life in ipairs(self.lives) do
    if life.process == event.process then
      finish(self, life, "quorum", event)
      if event[2] == "no" then
        begin(self, life, "quorum", { kind = "no quorum", from = event })
      end
    end
  end
end

local function hold(self, event, name, token)
  finish(self, event.life, "lock " .. name, event)
  begin(self, event.life, "lock " .. name, { kind = "lock", from = event, name = name, token = token })
end

function on.locked(self, event) hold(self, event, event[2], event[3]) end

function on.holds(self, event)
  local band = (self.open[event.life] or {})["lock " .. event[3]]
  if not band or band.token ~= event[4] then -- else the note was repeated
    hold(self, event, event[3], event[4])
  end
end

function on.unlocked(self, event) finish(self, event.life, "lock " .. event[2], event) end

function on.released(self, event) finish(self, event.life, "lock " .. event[3], event) end

-- Returns an array: each band has `kind`, `life`, and the events `from` and, unless it lasts to the end, `to`.
function bands.of(events, all_lanes)
  local self = { all = {}, open = {}, rings = {}, has_delivered = {}, lives = {} }
  for _, lane in ipairs(all_lanes) do
    for _, life in ipairs(lane.lives) do
      table.insert(self.lives, life)
    end
  end
  for _, event in ipairs(events) do
    if on[event[1]] then
      on[event[1]](self, event)
    end
  end
  return self.all
end

return bands
