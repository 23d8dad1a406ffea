-- What the histories of scripts that run say of their groups, read on as they are written: whether all agree, and which
-- groups have come to rest.
local uv = require "luv"
local wait = require "corosync.lab.wait"

local REST = 1 -- seconds without a change of a group's members: then they have come to rest

local watching = {}

function watching.files_in(folder)
  local paths = {}
  for name in uv.fs_scandir_next, assert(uv.fs_scandir(folder)) do
    paths[#paths + 1] = folder .. "/" .. name
  end
  return paths
end

local on_word = {}

function on_word.group(watch, rest)
  watch.group = rest
end

function on_word.config(watch, rest)
  local own, members, left = rest:match "^(%S+) (%S+) (%S+)"
  watch.has_joined = true
  watch.members = not ("," .. left):find("," .. own .. "=", 1, true) and members or nil
end

function on_word.ring(watch, rest)
  watch.ring = rest
end

function on_word.lost(watch)
  watch.members, watch.ring = nil, nil
end

function on_word.activate(watch)
  watch.wanted = true
end

function on_word.deactivate(watch)
  watch.wanted = false
end

-- Goes on where it was the last time. What is not a message or a send is a move.
local function read_on(watch)
  local file = assert(io.open(watch.path))
  file:seek("set", watch.position)
  local text = file:read("*a"):match "^.*\n" or ""
  file:close()
  watch.position = watch.position + #text
  for word, rest in text:gmatch "(%l+) ?([^\n]*)\n" do
    if on_word[word] then
      on_word[word](watch, rest)
      watch.moves = watch.moves + 1
    end
  end
end

-- An array of what the histories of all that run say, and whether each of these has been a member.
local function watch_all(hosts)
  local all, have_joined = {}, true
  for _, host in hosts:each() do
    local has_joined = false
    for _, path in ipairs(watching.files_in(host.folder)) do
      local watch = hosts.watches[path] or { path = path, position = 0, moves = 0 }
      hosts.watches[path] = watch
      read_on(watch)
      has_joined = has_joined or watch.has_joined
      all[#all + 1] = watch
    end
    have_joined = have_joined and has_joined
  end
  return all, have_joined
end

-- Whether in each group those that are to be members are, and see one another, and nobody else, on one ring.
function watching.agree(hosts)
  local all, is_right = watch_all(hosts)
  local counts, members, rings = {}, {}, {}
  for _, watch in ipairs(all) do
    if watch.wanted then
      counts[watch.group] = (counts[watch.group] or 0) + 1
      members[watch.group] = members[watch.group] or watch.members
      rings[watch.group] = rings[watch.group] or watch.ring
      is_right = is_right and watch.members ~= nil and watch.members == members[watch.group]
        and watch.ring == rings[watch.group]
    end
  end
  for group, count in pairs(counts) do
    is_right = is_right and select(2, members[group]:gsub(":", "")) == count
  end
  return is_right
end

-- By group, how much has happened to its members.
local function count_moves(hosts)
  local all, moves = watch_all(hosts), {}
  for _, watch in ipairs(all) do
    if watch.group then
      moves[watch.group] = (moves[watch.group] or 0) + watch.moves
    end
  end
  return moves, all
end

-- Only groups whose members do not come and go just now: of others nobody can say who sees whom.
function watching.mark_settled(hosts)
  local before = count_moves(hosts)
  wait.pass(REST)
  local after, all = count_moves(hosts)
  for _, watch in ipairs(all) do
    if watch.group and before[watch.group] == after[watch.group] then
      local file = assert(io.open(watch.path, "a"))
      file:write "settled\n"
      file:close()
    end
  end
end

return watching
