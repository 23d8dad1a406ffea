-- The folders of control sockets, and the sockets in them: NAME.PID.sock, with the script's name.
local list = require "corosync.list"
local uv = require "luv"

local folder = {}

local SHARED = "/run/cpgrun" -- made by root, with a folder for each user, which only that user can read
local USERS = "/run/user" -- the usual place of XDG_RUNTIME_DIR
local PRIVATE, PUBLIC = tonumber("700", 8), tonumber("755", 8)
local LONGEST_NAME = 32
local LONGEST_PATH = 107 -- bytes, of a socket's address

folder.PRIVATE_FILE = tonumber("600", 8)

local function permissions(status)
  return status.mode % tonumber("1000", 8)
end

-- luv's messages are "CODE: text: path".
local function reason(problem)
  return (problem:gsub("^%u+: ", ""):gsub(": [^:]*$", ""))
end

-- Returns true if the folder exists and belongs to that user alone; or nil and a message.
local function check(path, user)
  local status, problem = uv.fs_lstat(path)
  if not status then
    return nil, reason(problem)
  elseif status.type ~= "directory" then
    return nil, "it is not a folder"
  elseif status.uid ~= user or permissions(status) % tonumber("100", 8) ~= 0 then
    return nil, ("it must belong to user %d and be closed to others (mode 0700)"):format(user)
  end
  return true
end

-- Creates the folder if it does not exist; as root, also for another user.
local function make(path, mode, user)
  local ok, problem, code = uv.fs_mkdir(path, mode)
  if ok then
    ok, problem = uv.fs_chmod(path, mode) -- regardless of the umask
  end
  if ok and user ~= uv.getuid() then
    ok, problem = uv.fs_chown(path, user, -1)
  end
  if not ok and code ~= "EEXIST" then
    return nil, reason(problem)
  end
  return true
end

local function others_may_write(status)
  local group, all = math.floor(permissions(status) / 8) % 8, permissions(status) % 8
  return group % 4 >= 2 or all % 4 >= 2
end

-- Users who may write there could replace folders by links.
local function make_shared()
  local ok, problem = make(SHARED, PUBLIC, 0)
  local status = ok and uv.fs_lstat(SHARED)
  if status and (status.type ~= "directory" or status.uid ~= 0 or others_may_write(status)) then
    return nil, ("%s must be a folder that belongs to root, and only root may write to it"):format(SHARED)
  end
  return ok, problem
end

-- The folder of a service, which systemd creates for RuntimeDirectory=cpgrun/NAME.
local function of_service()
  return (os.getenv "RUNTIME_DIRECTORY" or ""):match("^" .. SHARED .. "/[^:]+$")
end

local function of_session()
  local path = os.getenv "XDG_RUNTIME_DIR"
  return path and path ~= "" and path .. "/cpgrun" or nil
end

-- Prepares the folder for the sockets of a user's processes. `given`: a folder, or nil for the default one.
-- @treturn string|nil its path; nil if there is no default one
-- @treturn string|nil why it cannot be used
function folder.prepare(given, user)
  local path, ok, problem = given, true, nil
  if not path and uv.getuid() == 0 then
    path = ("%s/%d"):format(SHARED, user)
    ok, problem = make_shared()
  end
  path = path or of_service() or of_session()
  if not path then
    return nil
  end
  if ok then
    ok, problem = make(path, PRIVATE, user)
  end
  if ok then
    ok, problem = check(path, user)
  end
  return path, not ok and problem or nil
end

-- Returns the path of a process's socket; or nil and a message.
function folder.socket(path, name, pid)
  local plain = name:gsub("[^%w_-]", "_"):sub(1, LONGEST_NAME)
  local socket = ("%s/%s.%d.sock"):format(path, plain, pid)
  if #socket > LONGEST_PATH then
    return nil, ("the socket's path would have %d bytes, but at most %d are possible"):format(#socket, LONGEST_PATH)
  end
  return socket
end

-- Returns the sockets in a folder: path, name, pid, user.
function folder.list(path)
  local found, scan = {}, uv.fs_scandir(path)
  local function each()
    return scan and uv.fs_scandir_next(scan)
  end
  for file in each do
    local name, pid = file:match "^([%w_-]+)%.(%d+)%.sock$"
    local status = name and uv.fs_lstat(path .. "/" .. file)
    if status and status.type == "socket" then
      found[#found + 1] = { path = path .. "/" .. file, name = name, pid = tonumber(pid), user = status.uid }
    end
  end
  return found
end

local function add_each(paths, parent, child)
  local scan = uv.fs_scandir(parent)
  for file in function() return scan and uv.fs_scandir_next(scan) end do
    paths[#paths + 1] = ("%s/%s%s"):format(parent, file, child)
  end
end

-- Returns the folders that may contain sockets: `given`, or else the default ones. Only root can read the folders of
-- other users.
function folder.all(given)
  if given then
    return { given }
  end
  local paths, session = {}, of_session()
  add_each(paths, SHARED, "")
  add_each(paths, USERS, "/cpgrun")
  if session and not list.set(paths)[session] then
    paths[#paths + 1] = session
  end
  return paths
end

return folder
