// The leaf operations as a Node addon of their own, so that `node --test` can try each of them in Node's isolate.
// Only for tests; host/addon.cc is the real thing.
#include <node.h>

#include "../ops/op.h"

using v8::Context;
using v8::Function;
using v8::Isolate;
using v8::Local;
using v8::Object;
using v8::String;
using v8::Value;

extern "C" NODE_MODULE_EXPORT void NODE_MODULE_INITIALIZER(Local<Object> exports, Local<Value>,
                                                           Local<Context> context) {
  Isolate* isolate = Isolate::GetCurrent();
  for (auto table : {skerry::TextOps, skerry::DecodeOps, skerry::CodecOps, skerry::UrlOps, skerry::RandomOps,
                     skerry::CryptoOps, skerry::CloneOps, skerry::InspectOps, skerry::HtmlOps}) {
    for (const skerry::Op& op : table()) {
      Local<Function> function = Function::New(context, op.function, Local<Value>(), op.length).ToLocalChecked();
      exports->Set(context, String::NewFromUtf8(isolate, op.name).ToLocalChecked(), function).Check();
    }
  }
}
