-- Fails if a public function of Corosync is neither bound by the core nor listed, with a reason, as not bound.
-- Usage: lua check-bindings.lua CORE.SO FOLDER-OF-HEADERS LIST.MD

local HEADERS = { "cpg.h", "cmap.h", "quorum.h", "votequorum.h", "cfg.h" }

local complaints = {}

local function complain(format, ...) complaints[#complaints + 1] = format:format(...) end

local function read(path)
  local file, why = io.open(path)
  local text = file and file:read "*a"
  if file then file:close() end
  if not text then complain("%s", why or path .. ": not a file") end
  return text or ""
end

local function without_comments_and_directives(text)
  text = text:gsub("/%*.-%*/", " "):gsub("//[^\n]*", ""):gsub("\\\n", " ")
  return (("\n" .. text):gsub("\n%s*#[^\n]*", ""))
end

-- The names of the functions that a header declares.
local function declared(text)
  local names = {}
  -- Remove the brace after extern "C" first: it would pair with the header's last one, and make a body of all between.
  text = without_comments_and_directives(text):gsub('extern%s*"C"%s*{', ""):gsub("%b{}", ";")
  text = text:gsub("__attribute__%s*%b()", "")
  for statement in text:gmatch "[^;]+" do
    local name = statement:match "([%a_][%w_]*)%s*%("
    local first = statement:match "%a+"
    if name and first ~= "typedef" and first ~= "static" then names[#names + 1] = name end
  end
  return names
end

-- The set of a shared object's undefined symbols.
local function bound(path)
  local names = {}
  local pipe = assert(io.popen("nm -D --undefined-only '" .. path:gsub("'", "'\\''") .. "'"))
  for line in pipe:lines() do
    local name = line:match "^%s*U%s+([%w_]+)"
    if name then names[name] = true end
  end
  pipe:close()
  if not next(names) then complain("%s: nm finds nothing that it uses: is it built?", path) end
  return names
end

-- The names and globs in a list's items: "- `name`, `glob_*`: reason", with indented lines that continue them.
local function listed(text, path)
  local names = {}
  for item in ("\n" .. text):gsub("\n +", " "):gmatch "\n%- ([^\n]*)" do
    local subject, reason = item:match "^([`%w_*, ]-`): *(.*)$"
    if not subject or reason == "" then
      complain("%s: not of the form '- `name`, `name`: reason': - %s", path, item)
    end
    for name in (subject or ""):gmatch "`([%w_*]+)`" do
      names[#names + 1] = name
    end
  end
  return names
end

local function is_listed(name, names)
  for _, glob in ipairs(names) do
    if name:match("^" .. glob:gsub("%*", ".*") .. "$") then return true end
  end
  return false
end

local function check(core, folder, list)
  local used, left_out = bound(core), listed(read(list), list)
  local count = { bound = 0, listed = 0 }
  for _, header in ipairs(HEADERS) do
    local names = declared(read(folder .. "/" .. header))
    if #names == 0 then complain("%s: no function found in it", header) end
    for _, name in ipairs(names) do
      if used[name] then
        count.bound = count.bound + 1
      elseif is_listed(name, left_out) then
        count.listed = count.listed + 1
      else
        complain("%s: %s is not bound: bind it, or list it in %s with the reason", header, name, list)
      end
    end
  end
  for _, name in ipairs(left_out) do
    if used[name] then complain("%s: %s is bound: take it off the list", list, name) end
  end
  return count
end

if #arg ~= 3 then
  io.stderr:write "Usage: check-bindings.lua CORE.SO FOLDER-OF-HEADERS LIST.MD\n"
  os.exit(2)
end
local count = check(arg[1], arg[2], arg[3])
if #complaints > 0 then
  io.stderr:write(table.concat(complaints, "\n"), "\n")
  os.exit(1)
end
print(("Corosync's functions: %d bound, %d left out (%s)"):format(count.bound, count.listed, arg[3]))
