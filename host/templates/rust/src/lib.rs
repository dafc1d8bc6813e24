// to come with the SDK
