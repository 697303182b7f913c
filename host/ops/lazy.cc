// Properties whose value is made when they are first read. V8 shows them as ordinary data properties all along, so that
// a global that nobody uses costs no memory and nobody can tell.

#include "ops/op.h"

namespace skerry {

namespace {

// Where a context keeps the function that makes the values. V8 writes the accessors of such properties into the part of
// the snapshot that contexts share, so they must not lead to a function, which belongs to one context.
constexpr int kMakerSlot = 1;

void MakeValue(v8::Local<v8::Name> name, const v8::PropertyCallbackInfo<v8::Value>& info) {
  v8::Local<v8::Context> context = info.GetIsolate()->GetCurrentContext();
  v8::Local<v8::Value> maker = context->GetEmbedderData(kMakerSlot);
  v8::Local<v8::Value> argument = name;
  v8::Local<v8::Value> value;
  if (maker->IsFunction() &&
      maker.As<v8::Function>()->Call(context, v8::Undefined(info.GetIsolate()), 1, &argument).ToLocal(&value)) {
    info.GetReturnValue().Set(value);
  }
}

// setMaker(make)
void SetMaker(const v8::FunctionCallbackInfo<v8::Value>& info) {
  info.GetIsolate()->GetCurrentContext()->SetEmbedderData(kMakerSlot, info[0]);
}

// defineLazy(target, name, enumerable)
void DefineLazy(const v8::FunctionCallbackInfo<v8::Value>& info) {
  v8::Isolate* isolate = info.GetIsolate();
  if (!info[0]->IsObject() || !info[1]->IsName()) {
    isolate->ThrowException(
        v8::Exception::TypeError(v8::String::NewFromUtf8Literal(isolate, "defineLazy wants an object and a name")));
    return;
  }
  const auto attributes = info[2]->IsTrue() ? v8::None : v8::DontEnum;
  (void)info[0]
      .As<v8::Object>()
      ->SetLazyDataProperty(isolate->GetCurrentContext(), info[1].As<v8::Name>(), &MakeValue, v8::Local<v8::Value>(),
                            attributes)
      .FromMaybe(false);
}

constexpr Op kOps[] = {{"setMaker", &SetMaker, 1}, {"defineLazy", &DefineLazy, 3}};

}  // namespace

std::span<const Op> LazyOps() { return kOps; }

std::span<const intptr_t> LazyReferences() {
  static const intptr_t references[] = {reinterpret_cast<intptr_t>(&MakeValue)};
  return references;
}

}  // namespace skerry
