// Requests signed for AWS, sent to the stub that the test names in `endpoint`.
import { AwsClient, AwsV4Signer } from "aws4fetch";

const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", region: "eu-west-1" };

export default {
  async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url);
    if (url.pathname === "/") return new Response("aws4fetch");
    const endpoint = url.searchParams.get("endpoint")!;
    const aws = new AwsClient({ ...credentials, service: "s3", retries: 2 });
    switch (url.pathname) {
      case "/put":
        return aws.fetch(`${endpoint}/bucket/a key with%20é`, { method: "PUT", body: await request.arrayBuffer(), headers: { "content-type": "text/plain", "x-amz-meta-a": "b" } });
      case "/get":
        return aws.fetch(`${endpoint}/bucket/object?list-type=2&prefix=a/b`);
      case "/retry":
        return aws.fetch(`${endpoint}/flaky`);
      case "/presigned": {
        const signed = await aws.sign(`${endpoint}/bucket/object?X-Amz-Expires=600`, { aws: { signQuery: true } });
        return fetch(signed.url);
      }
      case "/known": {
        // "get-vanilla" of the published test suite of Signature Version 4.
        const signer = new AwsV4Signer({ ...credentials, region: "us-east-1", service: "service", url: "https://example.amazonaws.com/", datetime: "20150830T123600Z" });
        return new Response((await signer.sign()).headers.get("authorization"));
      }
    }
    return new Response("not found", { status: 404 });
  },
};
