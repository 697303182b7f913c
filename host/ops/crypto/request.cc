#include "ops/crypto/request.h"

namespace skerry::crypto {

const Operation* FindOperation(std::string_view name) {
  static const OperationTable tables[] = {MacOperations(), DigestOperations(), CipherOperations(),   EcOperations(),
                                          RsaOperations(), DeriveOperations(), GenerateOperations(), KemOperations()};
  for (const OperationTable& table : tables)
    for (size_t i = 0; i < table.size; i++)
      if (table.begin[i].name == name) return &table.begin[i];
  return nullptr;
}

}  // namespace skerry::crypto
