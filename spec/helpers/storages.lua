-- Storage files of replicas in a folder of their own, which is gone after `storages.remove`.
local assert = require "luassert"
local storage = require "corosync.replica.storage"
local uv = require "luv"

local storages = { owner = { replica = "shop", node = 1, cluster = "lab" } }

local folder
local opened = {}

function storages.path(name)
  folder = folder or assert(uv.fs_mkdtemp "/dev/shm/storage-XXXXXX")
  return folder .. "/" .. (name or "shop.db")
end

-- Opens a storage, which is closed after the spec.
function storages.open(path)
  local store, message, code = storage.open(path or storages.path(), storages.owner)
  opened[#opened + 1] = store
  return store, message, code
end

-- What is stored, in one table.
function storages.content(store)
  local loaded = store:load()
  if not loaded then
    return nil
  end
  local content = { meta = loaded.meta, base = loaded.base, chunks = {}, entries = {} }
  for chunk in loaded.chunks do
    content.chunks[#content.chunks + 1] = chunk
  end
  for index, blob in loaded.entries do
    content.entries[#content.entries + 1] = { index, blob }
  end
  return content
end

-- A folder with a file system in memory of 24 MB.
function storages.mount()
  local path = storages.path "disk"
  assert(uv.fs_mkdir(path, tonumber("700", 8)))
  storages.mounted = path
  assert.truthy(os.execute(("mount -n -t tmpfs -o size=24m tmpfs '%s'"):format(path)))
  return path
end

-- Fills that disk; returns a function that makes room again.
function storages.fill()
  local path = storages.mounted .. "/filler"
  local file = assert(io.open(path, "wb"))
  file:setvbuf "no"
  repeat
    local done = file:write(("x"):rep(4096))
  until not done
  file:close()
  return function() assert(os.remove(path)) end
end

function storages.remove()
  for _, store in ipairs(opened) do
    store:close()
  end
  opened = {}
  if storages.mounted then
    assert.truthy(os.execute(("umount -n '%s'"):format(storages.mounted)))
    storages.mounted = nil
  end
  if folder then
    os.execute(("rm -rf '%s'"):format(folder))
    folder = nil
  end
end

return storages
