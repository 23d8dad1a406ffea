-- The pages name files by their paths; a file that was moved must not leave an old name behind.
local PAGES = { "README.md", "SECURITY.md", "CONTRIBUTING.md" }
local NAMES = { "checking", "design", "embedding", "monitoring", "objects", "openresty", "operating", "packing",
  "replica", "scripts", "speed", "testing", "tracing", "tuning", "unbound" }
for _, name in ipairs(NAMES) do
  PAGES[#PAGES + 1] = ("docs/%s.md"):format(name)
end

local FOLDERS = { "bench", "docs", "examples", "fuzz", "lua", "mk", "rockspec", "sim", "soak", "spec", "src", "tools" }
local GENERATED = { ["docs/reference"] = true }

local function exists(path)
  local file = io.open(path)
  return file and file:close()
end

describe("the documentation", function()
  it("names only files that exist", function()
    for _, page in ipairs(PAGES) do
      local file = assert(io.open(page))
      local text = file:read "*a"
      file:close()
      for _, folder in ipairs(FOLDERS) do
        for path in text:gmatch("`(" .. folder .. "/[%w_./@-]*)`") do
          assert(GENERATED[path] or exists(path), ("%s: there is no %s"):format(page, path))
        end
      end
    end
  end)
end)
