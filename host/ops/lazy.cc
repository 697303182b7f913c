// Properties whose value is made when they are first read. V8 shows them as ordinary data properties all along, so that
// a global that nobody uses costs no memory and nobody can tell.

#include "ops/op.h"

namespace skerry {

namespace {

// data is the function that makes the value of that name.
void MakeValue(v8::Local<v8::Name> name, const v8::PropertyCallbackInfo<v8::Value>& info) {
  v8::Isolate* isolate = info.GetIsolate();
  v8::Local<v8::Value> argument = name;
  v8::Local<v8::Value> value;
  if (info.Data()
          .As<v8::Function>()
          ->Call(isolate->GetCurrentContext(), v8::Undefined(isolate), 1, &argument)
          .ToLocal(&value)) {
    info.GetReturnValue().Set(value);
  }
}

// defineLazy(target, name, make, enumerable)
void DefineLazy(const v8::FunctionCallbackInfo<v8::Value>& info) {
  v8::Isolate* isolate = info.GetIsolate();
  if (!info[0]->IsObject() || !info[1]->IsName() || !info[2]->IsFunction()) {
    isolate->ThrowException(v8::Exception::TypeError(
        v8::String::NewFromUtf8Literal(isolate, "defineLazy wants an object, a name and a function")));
    return;
  }
  const auto attributes = info[3]->IsTrue() ? v8::None : v8::DontEnum;
  (void)info[0]
      .As<v8::Object>()
      ->SetLazyDataProperty(isolate->GetCurrentContext(), info[1].As<v8::Name>(), &MakeValue, info[2], attributes)
      .FromMaybe(false);
}

constexpr Op kOps[] = {{"defineLazy", &DefineLazy, 4}};

}  // namespace

std::span<const Op> LazyOps() { return kOps; }

std::span<const intptr_t> LazyReferences() {
  static const intptr_t references[] = {reinterpret_cast<intptr_t>(&MakeValue)};
  return references;
}

}  // namespace skerry
