-- The annotations for editors name each public function and method that there is, and no other.
local corosync = require "corosync"
local files = require "spec.helpers.files"
local handles = require "spec.helpers.handles"
local lab = require "corosync.lab"
local service = require "corosync.service"

-- For other files of the library, not for users.
local INTERNAL = {
  ["corosync.cpg"] = { new_address = true, repack = true, sender = true, skip = true, unpack = true },
  ["corosync.cpg.handle"] = { receive_run = true },
  ["corosync.group.Group"] = { settle = true },
  ["corosync.lab"] = { check = true },
  ["corosync.loop"] = { wake = true, watch = true },
}

local MODULES = { "corosync", "corosync.cfg", "corosync.cluster", "corosync.cmap", "corosync.cpg", "corosync.group",
  "corosync.history", "corosync.lab", "corosync.loop", "corosync.quorum", "corosync.service", "corosync.votequorum" }

local function annotation_files()
  local pipe = io.popen "find types -name '*.lua' | sort"
  local paths = {}
  for path in pipe:lines() do
    paths[#paths + 1] = path
  end
  pipe:close()
  return paths
end

-- By class, a module's included: the classes that it extends, and the set of its functions.
local function annotations()
  local classes = {}
  for _, path in ipairs(annotation_files()) do
    local class, of = nil, {} -- the class of each local variable of this file
    for line in io.lines(path) do
      local name, extends = line:match "^%-%-%-@class ([%w_.]+):? ?(.*)$"
      if name then
        class = { extends = extends, functions = {} }
        classes[name] = class
      end
      local variable = line:match "^local (%w+) = {}$"
      if variable then
        of[variable] = class
      end
      local owner, member = line:match "^function (%w+)[.:]([%w_]+)%("
      if not owner then
        owner, member = line:match "^(module)%.([%w_]+) = nil$"
      end
      class = of[owner] or class
      if owner then
        class.functions[member] = true
      end
    end
  end
  return classes
end

local function add_all(names, classes, class)
  for name in pairs(classes[class].functions) do
    names[name] = true
  end
  for parent in classes[class].extends:gmatch "[%w_.]+" do
    add_all(names, classes, parent)
  end
end

local function sorted(set)
  local names = {}
  for name in pairs(set) do
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

local function annotated(class)
  local names = {}
  add_all(names, annotations(), class)
  return sorted(names)
end

-- The names in tables, except private and internal ones.
local function public(class, ...)
  local names = {}
  for _, each in ipairs { ... } do
    for name in pairs(each) do
      if name == "_VERSION" or not name:find "^_" and not (INTERNAL[class] or {})[name] then
        names[name] = true
      end
    end
  end
  return sorted(names)
end

-- The table of an object's methods: the metatable's __index, or the table that its function reads.
local function methods_of(object)
  local index = debug.getmetatable(object).__index
  for i = 1, type(index) == "function" and math.huge or 0 do
    local name, value = debug.getupvalue(index, i)
    if name == nil then
      break
    elseif type(value) == "table" and value.fd then
      return value
    end
  end
  return index
end

local function lab_objects(each)
  local cluster = assert(lab.start(1))
  local process = assert(cluster:run(1, { "true" }))
  each("corosync.lab.Cluster", cluster)
  each("corosync.lab.process", process)
  assert(cluster:stop())
end

describe("the annotations for editors", function()
  after_each(handles.close_all)

  for _, path in ipairs(annotation_files()) do
    it("are valid Lua: " .. path, function() assert.truthy(loadfile(path)) end)
  end

  for _, name in ipairs(MODULES) do
    it("name everything in " .. name, function()
      assert.truthy(corosync.loop and corosync.replica) -- are there once they were used
      assert.same(public(name, (require(name))), annotated(name))
    end)
  end

  local function names_methods(class, object)
    assert.same(public(class, methods_of(object)), annotated(class), class)
  end

  for _, name in ipairs { "cpg", "quorum", "votequorum", "cfg" } do
    it("name the methods of handles of " .. name, function()
      names_methods("corosync." .. name .. ".handle", handles.keep(assert(corosync[name].open {})))
    end)
  end

  it("name the methods of maps and trackers", function()
    local map = handles.keep(assert(corosync.cmap.open()))
    names_methods("corosync.cmap.map", map)
    names_methods("corosync.cmap.tracker", assert(map:track "types."))
  end)

  it("name the methods of groups", function()
    assert.same(public("corosync.group.Group", corosync.Group), annotated "corosync.group.Group")
  end)

  it("name the methods of services and their trackers", function()
    local map = handles.keep(assert(service.cmap()))
    names_methods("corosync.service.Service", map)
    names_methods("corosync.service.Tracker", assert(map:track "types."))
  end)

  it("name the methods of labs and their processes", function() lab_objects(names_methods) end)

  it("name the globals that luacheck allows scripts for cpgrun", function()
    local known = setmetatable({ files = {} }, { __index = _G })
    local chunk = assert(loadfile(".luacheckrc", "t", known))
    if setfenv then
      setfenv(chunk, known)
    end
    chunk()
    for path, file in pairs { ["examples"] = "cpgrun", ["examples/demo/story.lua"] = "cpgrun/lab/commands" } do
      local text = files.read("types/" .. file .. ".lua")
      for _, names in ipairs { known.files[path].globals or {}, known.files[path].read_globals } do
        for key, value in pairs(names) do
          local name = type(key) == "string" and key or value
          assert.truthy(text:find("\nfunction " .. name .. "(", 1, true)
            or text:find("\n" .. name .. " = nil", 1, true), name)
        end
      end
    end
  end)

  it("describe handler arguments, optional values and return values", function()
    local cpg, group = files.read "types/corosync/cpg.lua", files.read "types/corosync/group.lua"
    for _, line in ipairs {
      "---@field message_received? fun(address:corosync.cpg.address,message:string)",
      "---@field window? integer",
      "---@class corosync.cpg.handle: corosync.handle, corosync.events\n",
      '---@param guarantee? string "agreed" or "fifo" (default: "agreed")\n',
      "---@return corosync.cpg.address[]|nil # empty when the group has no members\n---@return string|nil # why",
    } do
      assert.truthy(cpg:find(line, 1, true), line)
    end
    assert.truthy(group:find("---@field view_change? fun(view:corosync.group.view)\n", 1, true))
    assert.truthy(group:find("---@field timeout number ", 1, true))
  end)
end)
