-- Fails if Lua can reach a Corosync function that may block, other than through a call that the watchdog sees: in
-- CALL(...) or CALL_ON(...) (src/handle/call.h), or between call_begin, open_begin or watchdog_enter and its
-- end. Also fails if a function uses Lua while it holds a lock: Lua may raise, and the lock would never be released.
-- Usage: lua check-calls.lua FOLDER-OF-HEADERS FILE.C ...

local HEADERS = { "cpg.h", "cmap.h", "quorum.h", "votequorum.h", "cfg.h" }

local complaints = {}

local function complain(format, ...) complaints[#complaints + 1] = format:format(...) end

-- These send no request to the daemon; dispatch is only called so that it does not wait.
local LOCAL = { "_context_get$", "_context_set$", "_dispatch$", "_fd_get$", "^cpg_flow_control_state_get$",
  "^cpg_max_atomic_msgsize_get$" }

-- How C functions are given to Lua; in the texts below strings are empty.
local FOR_LUA = { '{"",%s*([%w_]+)}', "lua_pushcfunction%(L, ([%w_]+)%)", "lua_pushcclosure%(L, ([%w_]+),",
  "methods_push_module%(L, .-, .-, ([%w_]+)%)" }

local LOCKED = { "call_begin.-call_end", "open_begin.-open_end", "watchdog_enter.-watchdog_leave",
  "reader_lock.-reader_unlock", "libqb_lock%f[^%w_].-libqb_unlock", "mutex_lock.-mutex_unlock",
  "%f[%w_]CALL[%u_]*%s*%b()" }

local function read(path)
  local file = assert(io.open(path))
  local text = assert(file:read "*a")
  file:close()
  return (text:gsub("/%*.-%*/", " "):gsub('\\"', ""):gsub('"[^"\n]*"', '""'))
end

local function is_local(name)
  for _, pattern in ipairs(LOCAL) do
    if name:find(pattern) then return true end
  end
  return false
end

-- Corosync's functions that send a request to the daemon and wait for its reply.
local function blocking(folder)
  local names = {}
  for _, header in ipairs(HEADERS) do
    for name in read(folder .. "/" .. header):gmatch "([%w_]+)%s*%(" do
      if name:find "^%l[%l_]*_[%l_0-9]+$" and not is_local(name) then names[name] = true end
    end
  end
  return names
end

-- A function's text without its watched calls, without the functions that connection_open calls, which watches them,
-- and without the threads that it starts, which do not block Lua.
local function outside(body, macros)
  for _, macro in ipairs(macros) do
    body = body:gsub("%f[%w_]" .. macro .. "%s*%b()", " ")
  end
  body = body:gsub("thread_start%b()", " "):gsub("connection_open%b()", "connection_open")
  body = body:gsub("call_begin%(.*call_end%(", " "):gsub("open_begin%(.*open_end%(", " ")
  return (body:gsub("watchdog_enter%(.*watchdog_leave%(", " "))
end

-- CALL, CALL_ON, and the macros that a file defines by them.
local function macros_of(text)
  local macros = { "CALL_ON", "CALL" }
  for name, body in text:gmatch "#define%s+([%u_]+)(%b()[^\n]*\n?[^\n]*)" do
    if body:find "%f[%w_]CALL" then macros[#macros + 1] = name end
  end
  return macros
end

-- Only a function that is given a Lua state can raise.
local function uses_lua_locked(body)
  for _, pattern in ipairs(LOCKED) do
    for locked in body:gmatch(pattern) do
      if locked:find "%f[%w_]L%f[^%w_]" then return true end
    end
  end
  return false
end

-- By file, its functions' texts outside of calls; and the names of those that other files see.
local function parse(paths)
  local files, exported = {}, {}
  for _, path in ipairs(paths) do
    local text, functions = read(path), {}
    for head, body in text:gmatch "\n([%a_][^\n;{}]-%b())\n(%b{})" do
      local name = head:match "([%w_]+)%s*%("
      functions[name] = outside(body, macros_of(text))
      if uses_lua_locked(body) then complain("%s:%s uses Lua while it holds a lock", path, name) end
      if not head:find "^static" then exported[name] = path end
    end
    files[path] = { text = text, functions = functions }
  end
  return files, exported
end

-- By member, the functions that tables of classes have there, as { path, name }.
local function members_of(files)
  local members = {}
  for path, file in pairs(files) do
    for member, name in file.text:gmatch "%.([%w_]+) = ([%w_]+)" do
      members[member] = members[member] or {}
      table.insert(members[member], { path, name })
    end
  end
  return members
end

local function check(folder, paths)
  local names, seen, roots = blocking(folder), {}, 0
  local files, exported = parse(paths)
  local members = members_of(files)
  local function visit(path, name, trail)
    local home = files[path].functions[name] and path or exported[name]
    if names[name] then
      complain("%s %s blocks unwatched: put it in CALL, see src/handle/call.h", trail, name)
    elseif home and not seen[home .. name] then
      seen[home .. name] = true
      trail = trail .. " " .. home .. ":" .. name .. " >"
      local body = files[home].functions[name]
      for member in body:gmatch "[%.>]([%w_]+)%(" do
        for _, found in ipairs(members[member] or {}) do visit(found[1], found[2], trail) end
      end
      for mentioned in body:gmatch "[%a_][%w_]*" do
        if mentioned ~= name then visit(home, mentioned, trail) end
      end
    end
  end
  for _, path in ipairs(paths) do
    for _, pattern in ipairs(FOR_LUA) do
      for name in files[path].text:gmatch(pattern) do
        roots = roots + 1
        visit(path, name, "")
      end
    end
  end
  return roots
end

local roots = check(arg[1], { select(2, (table.unpack or unpack)(arg)) }) -- luacheck: ignore 113
if roots == 0 then complain "no function for Lua found in the files" end
if #complaints > 0 then
  io.stderr:write(table.concat(complaints, "\n"), "\n")
  os.exit(1)
end
print(("%d functions for Lua: every call of Corosync's that may block is watched"):format(roots))
