-- Lanes of the picture: one for each node in each group. Successive processes of a node share it.
local lanes = {}

local function add_life(lives, by_group, event)
  local life = by_group[event.group]
  if not life then
    local node = tonumber(event.process.address:match "%d+")
    life = { group = event.group, process = event.process, first = event, node = node }
    by_group[event.group] = life
    lives[#lives + 1] = life
  end
  life.last, event.life = event, life
end

-- A process in a group: its first and last event that is drawn.
local function lives_of(processes, is_drawn)
  local lives = {}
  for _, process in ipairs(processes) do
    local by_group = {}
    for _, event in ipairs(process.events) do
      if is_drawn(event) then
        add_life(lives, by_group, event)
        process.last = event
      end
    end
  end
  return lives
end

local function comes_before(a, b)
  if a.group ~= b.group then
    return a.group < b.group
  elseif a.node ~= b.node then
    return a.node < b.node
  end
  return a.first.time < b.first.time
end

-- Returns the lanes, an array of `group`, `node` and `lives`. Each event that is drawn gets its `life`, each life its
-- `lane`, a number from 1.
function lanes.of(processes, is_drawn)
  local all, lives = {}, lives_of(processes, is_drawn)
  table.sort(lives, comes_before)
  for _, life in ipairs(lives) do
    local i = #all
    while i > 0 and all[i].group == life.group and all[i].node == life.node do
      local before = all[i].lives[#all[i].lives]
      if before.last.time <= life.first.time then
        break
      end
      i = i - 1
    end
    if i == 0 or all[i].group ~= life.group or all[i].node ~= life.node then
      i = #all + 1
      all[i] = { group = life.group, node = life.node, lives = {} }
    end
    table.insert(all[i].lives, life)
    life.lane = i
  end
  return all
end

return lanes
