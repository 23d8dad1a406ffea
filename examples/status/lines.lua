-- Shows the cluster in lines, one for each change.
local model = require "status.model"

local lines = {}
local printed = {} -- the last text of each topic

local function node_text(node)
  local texts = { node.is_member and "member" or "ABSENT" }
  for _, link in ipairs(node.links) do
    table.insert(texts, ("link %d %s"):format(link.number, link.is_up and "up" or "DOWN"))
  end
  return table.concat(texts, ", ")
end

-- An array of topics, each with its text.
local function facts(state)
  local list = {}
  local function add(topic, text) table.insert(list, { topic = topic, text = text }) end
  add("cluster", model.quorum_text(state))
  add("totem", model.ring_text(state))
  for _, node in ipairs(state.nodes) do
    add(node.name, node_text(node))
  end
  for _, group in ipairs(state.groups) do
    add("group " .. group.name, table.concat(group.members, " "))
  end
  for _, problem in ipairs(state.problems) do
    add("problem with " .. problem.topic, problem.text)
  end
  return list
end

local function say(topic, text)
  print(("%s %s: %s"):format(os.date "%X", topic, text))
end

function lines.show(state)
  local now = {}
  for _, fact in ipairs(facts(state)) do
    now[fact.topic] = fact.text
    if printed[fact.topic] ~= fact.text then
      say(fact.topic, fact.text)
    end
  end
  for topic in pairs(printed) do
    if not now[topic] then
      say(topic, "gone")
    end
  end
  printed = now
  io.stdout:flush()
end

function lines.restore() end

return lines
