-- Posts the content of a file: `wrk -s post.lua URL -- FILE`.
function init(args)
   local file = assert(io.open(args[1]))
   wrk.method = "POST"
   wrk.body = file:read("a") or file:read("*a")
   wrk.headers["Content-Type"] = "application/json"
   wrk.headers["User-Agent"] = "ShopApp/4.2.1 (iPhone; iOS 18.1)"
   wrk.headers["Accept"] = "application/json"
end
