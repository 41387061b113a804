"""taglock makes container releases in Azure Container Registry immutable by themselves."""
